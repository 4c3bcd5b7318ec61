# Register new task definition
aws ecs register-task-definition \
  --cli-input-json file://task-definition-api.json

# Get new revision number
TASK_DEF_ARN=$(aws ecs describe-task-definition \
  --task-definition taskmanager-api \
  --query 'taskDefinition.taskDefinitionArn' \
  --output text)
