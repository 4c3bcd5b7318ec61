#!/bin/bash
# scripts/rollback.sh

set -euo pipefail

SERVICE=${1}
CLUSTER="taskmanager-prod"

# Get current task definition
CURRENT_TD=$(aws ecs describe-services \
  --cluster ${CLUSTER} \
  --services ${SERVICE} \
  --query 'services[0].taskDefinition' \
  --output text | cut -d'/' -f2)

echo "Current task definition: ${CURRENT_TD}"

# Get previous task definition
PREVIOUS_TD=$(aws ecs list-task-definitions \
  --family-prefix ${SERVICE} \
  --sort DESC \
  --max-items 2 \
  --query 'taskDefinitionArns[1]' \
  --output text | cut -d'/' -f2)

echo "Rolling back to: ${PREVIOUS_TD}"

# Confirm
read -p "Proceed with rollback? (y/N): " -n 1 -r
echo
if [[ ! $REPLY =~ ^[Yy]$ ]]; then
  echo "Rollback cancelled"
  exit 1
fi

# Execute rollback
aws ecs update-service \
  --cluster ${CLUSTER} \
  --service ${SERVICE} \
  --task-definition ${PREVIOUS_TD} \
  --force-new-deployment

echo "✅ Rollback initiated. Monitoring..."

aws ecs wait services-stable --cluster ${CLUSTER} --services ${SERVICE}

echo "🎉 Rollback complete!"
