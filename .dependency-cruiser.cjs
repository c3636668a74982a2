// The layer law of docs/architecture.md as rules: api <- kube <- operator, router, cli; server needs no kube; pure folders do no I/O.
const pure = '^(api/src|cli/src/view|operator/src/(plan|rollout|resources|status)|router/src/(table|pick)|server/src/inference)/';
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'api-imports-nothing-of-ours', severity: 'error', from: { path: '^api/' }, to: { path: '^(kube|operator|router|server|cli|tools|test|models)/' } },
    { name: 'kube-knows-no-inferenceservice', severity: 'error', from: { path: '^kube/', pathNot: '\\.test\\.ts$' }, to: { path: '^(api|operator|router|server|cli|tools|test)/' } },
    { name: 'operator-imports-api-and-kube-only', severity: 'error', from: { path: '^operator/' }, to: { path: '^(router|server|cli|test)/' } },
    { name: 'router-imports-api-and-kube-only', severity: 'error', from: { path: '^router/' }, to: { path: '^(operator|server|cli|test)/' } },
    { name: 'server-needs-no-kube', severity: 'error', from: { path: '^server/' }, to: { path: '^(kube|operator|router|cli|test)/' } },
    { name: 'protocols-never-import-backends', severity: 'error', from: { path: '^server/src/protocols' }, to: { path: '^server/src/backends' } },
    { name: 'backends-never-import-protocols', severity: 'error', from: { path: '^server/src/backends' }, to: { path: '^server/src/protocols' } },
    { name: 'cli-imports-api-kube-and-the-pure-planner-only', severity: 'error', from: { path: '^cli/' }, to: { path: '^((router|server|test|tools)/|operator/src/(?!(plan|rollout|resources|status)/))' } },
    {
      name: 'pure-folders-do-no-io',
      severity: 'error',
      from: { path: pure, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    { name: 'pure-folders-import-no-shell', severity: 'error', from: { path: pure, pathNot: '\\.test\\.ts$' }, to: { path: '(pino|undici|fastify|prom-client|@kubernetes|/observe/|/runtime/|^kube/src/(?!types))' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
