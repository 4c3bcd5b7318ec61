# Watch CloudWatch Logs
aws logs tail /aws/ecs/taskmanager-api --follow

# Watch metrics in Grafana
# - Error rate (should be < 0.1%)
# - P95 latency (should be < 200ms)
# - Request rate (should be normal)
