#!/bin/bash
# scripts/deploy.sh

set -euo pipefail

CLUSTER="taskmanager-prod"
SERVICE="taskmanager-api"
IMAGE_TAG=${1:-latest}

echo "🚀 Deploying ${SERVICE}:${IMAGE_TAG}"

# 1. Run migrations
echo "📊 Running database migrations..."
MIGRATION_TASK=$(aws ecs run-task \
  --cluster ${CLUSTER} \
  --task-definition taskmanager-migrations \
  --launch-type FARGATE \
  --query 'tasks[0].taskArn' \
  --output text)

aws ecs wait tasks-stopped --cluster ${CLUSTER} --tasks ${MIGRATION_TASK}

EXIT_CODE=$(aws ecs describe-tasks \
  --cluster ${CLUSTER} \
  --tasks ${MIGRATION_TASK} \
  --query 'tasks[0].containers[0].exitCode' \
  --output text)

if [ "$EXIT_CODE" != "0" ]; then
  echo "❌ Migrations failed with exit code ${EXIT_CODE}"
  exit 1
fi

echo "✅ Migrations completed successfully"

# 2. Update task definition with new image
echo "📝 Updating task definition..."
TASK_DEF=$(aws ecs describe-task-definition \
  --task-definition ${SERVICE} \
  --query 'taskDefinition')

NEW_TASK_DEF=$(echo $TASK_DEF | jq \
  --arg IMAGE "123456789012.dkr.ecr.us-east-1.amazonaws.com/${SERVICE}:${IMAGE_TAG}" \
  '.containerDefinitions[0].image = $IMAGE')

aws ecs register-task-definition --cli-input-json "$NEW_TASK_DEF" > /dev/null

# 3. Update service
echo "🔄 Updating service..."
aws ecs update-service \
  --cluster ${CLUSTER} \
  --service ${SERVICE} \
  --task-definition ${SERVICE} \
  --force-new-deployment > /dev/null

# 4. Wait for stable
echo "⏳ Waiting for deployment to stabilize..."
aws ecs wait services-stable --cluster ${CLUSTER} --services ${SERVICE}

# 5. Verify
echo "✅ Deployment complete!"
echo "🔍 Verifying health..."

RUNNING=$(aws ecs describe-services \
  --cluster ${CLUSTER} \
  --services ${SERVICE} \
  --query 'services[0].runningCount' \
  --output text)

DESIRED=$(aws ecs describe-services \
  --cluster ${CLUSTER} \
  --services ${SERVICE} \
  --query 'services[0].desiredCount' \
  --output text)

if [ "$RUNNING" == "$DESIRED" ]; then
  echo "✅ All tasks running: ${RUNNING}/${DESIRED}"
else
  echo "⚠️  Tasks mismatch: ${RUNNING}/${DESIRED}"
  exit 1
fi

echo "🎉 Deployment successful!"
