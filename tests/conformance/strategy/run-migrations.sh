# Run as one-time ECS task
aws ecs run-task \
  --cluster taskmanager-prod \
  --task-definition taskmanager-migrations:5 \
  --launch-type FARGATE \
  --network-configuration '{
    "awsvpcConfiguration": {
      "subnets": ["subnet-xxx"],
      "securityGroups": ["sg-xxx"],
      "assignPublicIp": "DISABLED"
    }
  }'

# Wait for completion
aws ecs wait tasks-stopped --cluster taskmanager-prod --tasks <task-arn>
