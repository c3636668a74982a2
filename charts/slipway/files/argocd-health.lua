-- Argo CD health of an InferenceService (resource.customizations.health.serving.slipway.dev_InferenceService in argocd-cm).
-- Healthy: the URL answers and the spec's revision is the stable one. Suspended: a rollout waits for a human.
-- Degraded: only a human can help. Progressing: everything else.
local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
  return health
end

local status = obj.status
if status == nil or status.observedGeneration == nil or status.observedGeneration < obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function words(name, otherwise)
  local condition = conditions[name]
  if condition == nil or condition.message == nil or condition.message == "" then
    return otherwise
  end
  return condition.reason .. ": " .. condition.message
end

if is("Stalled") then
  health.status = "Degraded"
  health.message = words("Stalled", "Only a human can help")
elseif status.phase == "Paused" then
  health.status = "Suspended"
  health.message = words("Progressing", "The rollout waits for a human")
elseif is("Ready") and is("RolledOut") then
  health.status = "Healthy"
  health.message = words("Ready", "The URL answers")
elseif not is("Ready") then
  health.message = words("Ready", "Not ready yet")
else
  health.message = words("RolledOut", "A rollout is under way")
end

return health
