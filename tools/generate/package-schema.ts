// Owns the published JSON Schema of a model package's model.yaml. Must not know the schema's content.
import { MODEL_PACKAGE_API, ModelPackage } from '@slipway/api';
import { z } from 'zod';
import type { Output } from './output.ts';

export function packageSchemaOutputs(): Output[] {
  const schema = z.toJSONSchema(ModelPackage, { io: 'input', target: 'draft-2020-12' });
  const text = JSON.stringify({ title: `model.yaml of a model package (${MODEL_PACKAGE_API})`, ...schema }, null, 2);
  return [{ path: 'docs/reference/model-package.schema.json', text: `${text}\n` }];
}
