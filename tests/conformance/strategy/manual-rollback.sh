# List recent task definitions
aws ecs list-task-definitions \
  --family-prefix taskmanager-api \
  --sort DESC \
  --max-items 5

# Rollback to previous version
PREVIOUS_TD="taskmanager-api:42"  # Previous stable version

aws ecs update-service \
  --cluster taskmanager-prod \
  --service taskmanager-api \
  --task-definition ${PREVIOUS_TD} \
  --force-new-deployment
