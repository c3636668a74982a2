// The public surface of the contract package.
export * from './conditions.ts';
export * from './duration.ts';
export * from './meta.ts';
export * from './model-package.ts';
export * from './package-issues.ts';
export * from './names.ts';
export * from './route-entry.ts';
export * from './runtimes.ts';
export * from './state.ts';
export * from './v1alpha1/inference-service.ts';
export * from './v1alpha1/spec.ts';
export * from './v1alpha1/status.ts';
export * from './version-number.ts';
