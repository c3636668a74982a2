// Every object that the operator makes, one pure builder per kind and file. Names come from @slipway/api only.
// Signatures are data in, plain object out; the golden files in testdata/ show each one whole.
export { controllerRevisionFor } from './controller-revision.ts';
export { packageConfigMapFor } from './package-config-map.ts';
export { routerNetworkPolicyFor, serverNetworkPolicyFor } from './network-policies.ts';
export { pdbFor } from './pod-disruption-budget.ts';
export { appliedDeploymentFor, appliedServiceFor, renderRevision } from './revision.ts';
export { recordedPorts } from './revision-service.ts';
export { routeConfigMapFor } from './route-config-map.ts';
export { routerDeploymentFor } from './router-deployment.ts';
export { routerPdbFor } from './router-disruption-budget.ts';
export { routerPodMonitorFor } from './router-pod-monitor.ts';
export { routerPortsConfigMapFor } from './router-ports-config-map.ts';
export { routerRoleBindingFor } from './router-role-binding.ts';
export { routerServiceAccountFor } from './router-service-account.ts';
export { previewServiceFor, serviceFor } from './service.ts';
export { scrapedOf, serviceMonitorFor } from './service-monitor.ts';
export type { Scraped } from './service-monitor.ts';
