# Update service with new task definition
aws ecs update-service \
  --cluster taskmanager-prod \
  --service taskmanager-api \
  --task-definition ${TASK_DEF_ARN} \
  --force-new-deployment

# Monitor deployment
aws ecs wait services-stable \
  --cluster taskmanager-prod \
  --services taskmanager-api
