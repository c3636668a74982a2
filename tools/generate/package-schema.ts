// Owns the published JSON Schema of a model package's model.yaml. Must not know the schema's content.
import { modelPackageJsonSchema } from '@slipway/api';
import type { Output } from './output.ts';

export function packageSchemaOutputs(): Output[] {
  return [{ path: 'docs/reference/model-package.schema.json', text: `${JSON.stringify(modelPackageJsonSchema(), null, 2)}\n` }];
}
