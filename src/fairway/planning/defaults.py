"""What ECS fills in by itself: members that a file need not name. Data.

Each row: where (without the keys of lists), the value, and where AWS says so. Beside the table there is one generic rule: what
is empty (no text, no item, no member) is as if it were not there.

Sources: `RTD` RegisterTaskDefinition, `CD` ContainerDefinition, `CS` CreateService, and the other data types of the ECS API
Reference by their names; `DG` the ECS Developer Guide, "Amazon ECS task definition parameters" and "service definition parameters".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Default:
    """A value that ECS fills in."""

    path: str
    value: Any
    source: str


CONTAINER: Final = "containerDefinitions"
TASK_DEFINITION: Final = (
    Default("networkMode", "bridge", "RTD: if no network mode is specified, the default is bridge"),
    Default("enableFaultInjection", False, "RTD: the default value is false"),
    Default("runtimePlatform.cpuArchitecture", "X86_64", "DG: the default is X86_64"),
    Default("runtimePlatform.operatingSystemFamily", "LINUX", "DG: Linux unless a Windows family is specified"),
    Default(f"{CONTAINER}.cpu", 0, "CD: null and zero are passed as 0"),
    Default(f"{CONTAINER}.essential", True, "CD: if omitted, a container is assumed to be essential"),
    Default(f"{CONTAINER}.versionConsistency", "enabled", "CD: by default, the value is enabled"),
    Default(f"{CONTAINER}.stopTimeout", 30, "CD: if not specified, 30 seconds"),
    Default(f"{CONTAINER}.privileged", False, "CD: only true changes anything"),
    Default(f"{CONTAINER}.readonlyRootFilesystem", False, "CD: only true changes anything"),
    Default(f"{CONTAINER}.disableNetworking", False, "CD: only true changes anything"),
    Default(f"{CONTAINER}.interactive", False, "CD: only true changes anything"),
    Default(f"{CONTAINER}.pseudoTerminal", False, "CD: only true changes anything"),
    Default(f"{CONTAINER}.portMappings.protocol", "tcp", "PortMapping: the default is tcp"),
    Default(f"{CONTAINER}.mountPoints.readOnly", False, "MountPoint: the default value is false"),
    Default(f"{CONTAINER}.volumesFrom.readOnly", False, "VolumeFrom: the default value is false"),
    Default(f"{CONTAINER}.healthCheck.interval", 30, "HealthCheck: the default value is 30 seconds"),
    Default(f"{CONTAINER}.healthCheck.timeout", 5, "HealthCheck: the default value is 5"),
    Default(f"{CONTAINER}.healthCheck.retries", 3, "HealthCheck: the default value is 3"),
    Default(f"{CONTAINER}.healthCheck.startPeriod", 0, "HealthCheck: by default, the startPeriod is off"),
    Default(f"{CONTAINER}.restartPolicy.enabled", False, "ContainerRestartPolicy: off by default"),
    Default(f"{CONTAINER}.restartPolicy.restartAttemptPeriod", 300, "ContainerRestartPolicy: by default 300 seconds"),
    Default(f"{CONTAINER}.linuxParameters.initProcessEnabled", False, "LinuxParameters: only true changes anything"),
    Default(f"{CONTAINER}.linuxParameters.swappiness", 60, "LinuxParameters: a default value of 60 is used"),
    Default("volumes.efsVolumeConfiguration.rootDirectory", "/", "EFSVolumeConfiguration: if omitted, the root"),
    Default("volumes.efsVolumeConfiguration.transitEncryption", "DISABLED", "EFSVolumeConfiguration: if omitted"),
    Default("volumes.efsVolumeConfiguration.authorizationConfig.iam", "DISABLED", "EFSAuthorizationConfig: if omitted"),
    Default("volumes.configuredAtLaunch", False, "Volume: only true changes anything"),
)
_DEPLOYMENT: Final = "deploymentConfiguration"
_BREAKER: Final = f"{_DEPLOYMENT}.deploymentCircuitBreaker"
SERVICE: Final = (
    Default("schedulingStrategy", "REPLICA", "CS: the replica scheduling strategy"),
    Default("deploymentController.type", "ECS", "CS: if none is specified, the default value of ECS is used"),
    Default("platformVersion", "LATEST", "CS: if one isn't specified, the LATEST platform version is used"),
    Default("propagateTags", "NONE", "CS: the default is NONE"),
    Default("enableECSManagedTags", False, "CS: only true changes anything"),
    Default("enableExecuteCommand", False, "CS: only true changes anything"),
    Default("healthCheckGracePeriodSeconds", 0, "CS: the default value of 0 is used"),
    Default("availabilityZoneRebalancing", "ENABLED", "CS: for create requests ENABLED"),
    Default("availabilityZoneRebalancing", "DISABLED", "CS: for services from before it, which never set it"),
    Default("networkConfiguration.awsvpcConfiguration.assignPublicIp", "DISABLED", "AwsVpcConfiguration: DISABLED"),
    Default("capacityProviderStrategy.base", 0, "CapacityProviderStrategyItem: the default value is 0"),
    Default("capacityProviderStrategy.weight", 0, "CapacityProviderStrategyItem: the default value is 0"),
    Default(f"{_DEPLOYMENT}.strategy", "ROLLING", "DeploymentConfiguration: ROLLING"),
    Default(f"{_DEPLOYMENT}.maximumPercent", 200, "DeploymentConfiguration: 200 % for REPLICA"),
    Default(f"{_DEPLOYMENT}.minimumHealthyPercent", 100, "DeploymentConfiguration: 100 % for REPLICA"),
    Default(f"{_DEPLOYMENT}.bakeTimeInMinutes", 0, "read back from a service that never named it"),
    Default(f"{_DEPLOYMENT}.alarms.enable", False, "read back from a service that never named it"),
    Default(f"{_DEPLOYMENT}.alarms.rollback", False, "read back from a service that never named it"),
    Default(f"{_BREAKER}.enable", False, "read back from a service that never named it"),
    Default(f"{_BREAKER}.rollback", False, "read back from a service that never named it"),
    Default(f"{_BREAKER}.resetOnHealthyTask", True, "DeploymentCircuitBreaker: the default is true"),
    Default(f"{_BREAKER}.thresholdConfiguration.type", "BOUNDED_PERCENT", "ThresholdConfiguration: the default"),
    Default(f"{_BREAKER}.thresholdConfiguration.value", 50, "ThresholdConfiguration: the default is 50"),
    Default(f"{_DEPLOYMENT}.earlySuccessCriteria.enable", False, "DeploymentEarlySuccessCriteria: the default"),
    Default(f"{_DEPLOYMENT}.earlySuccessCriteria.healthyPercent", 100, "DG: defaults to 100"),
    Default(f"{_DEPLOYMENT}.earlySuccessCriteria.sourceServiceRevisionCleanup", "BLOCKING", "DG: defaults to BLOCKING"),
    Default(f"{_DEPLOYMENT}.linearConfiguration.stepPercent", 10, "LinearConfiguration: the default value is 10.0"),
    Default(f"{_DEPLOYMENT}.linearConfiguration.stepBakeTimeInMinutes", 6, "LinearConfiguration: the default is 6"),
    Default(f"{_DEPLOYMENT}.canaryConfiguration.canaryPercent", 5, "CanaryConfiguration: the default value is 5.0"),
    Default(f"{_DEPLOYMENT}.canaryConfiguration.canaryBakeTimeInMinutes", 10, "CanaryConfiguration: the default is 10"),
    Default(f"{_DEPLOYMENT}.lifecycleHooks.targetType", "AWS_LAMBDA", "DeploymentLifecycleHook: if not specified"),
    Default(f"{_DEPLOYMENT}.lifecycleHooks.timeoutConfiguration.timeoutInMinutes", 1440, "default: 1440"),
    Default(f"{_DEPLOYMENT}.lifecycleHooks.timeoutConfiguration.action", "ROLLBACK", "default: ROLLBACK"),
    Default("serviceConnectConfiguration.enabled", False, "ServiceConnectConfiguration: only true changes anything"),
)
_DAEMON: Final = {f"{_DEPLOYMENT}.maximumPercent": 100, f"{_DEPLOYMENT}.minimumHealthyPercent": 0}


def service_defaults(scheduling_strategy: str) -> tuple[Default, ...]:
    """What ECS fills in for a service of this scheduling strategy.

    Source: ECS API Reference, DeploymentConfiguration: 0 and 100 % for DAEMON.
    """
    if scheduling_strategy != "DAEMON":
        return SERVICE
    return tuple(Default(row.path, _DAEMON.get(row.path, row.value), row.source) for row in SERVICE)
