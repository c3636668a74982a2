// Owns charts/slipway/values.schema.json. Must not know the values.
import { chartValuesJsonSchema } from '@slipway/api/chart-values';
import type { Output } from './output.ts';

export function valuesSchemaOutputs(): Output[] {
  return [{ path: 'charts/slipway/values.schema.json', text: `${JSON.stringify(chartValuesJsonSchema(), null, 2)}\n` }];
}
