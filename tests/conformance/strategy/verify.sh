# Check service status
aws ecs describe-services \
  --cluster taskmanager-prod \
  --services taskmanager-api \
  --query 'services[0].{Desired:desiredCount,Running:runningCount,Pending:pendingCount}'

# Check task health
aws ecs list-tasks \
  --cluster taskmanager-prod \
  --service-name taskmanager-api \
  --desired-status RUNNING

# Test API health
curl -f https://api.taskmanager.com/health

# Check metrics
# Open Grafana: API Performance dashboard
# Verify: Error rate, latency, request count
