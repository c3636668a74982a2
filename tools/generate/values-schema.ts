// Owns charts/slipway/values.schema.json. Must not know the values.
import { z } from 'zod';
import { ChartValues } from './chart-values.ts';
import type { Output } from './output.ts';

/** Helm checks values merged with values.yaml; `global` comes and goes, so nothing is required. */
export function valuesSchemaOutputs(): Output[] {
  const schema = z.toJSONSchema(ChartValues.partial(), { io: 'input', target: 'draft-7' });
  return [{ path: 'charts/slipway/values.schema.json', text: `${JSON.stringify({ ...schema, title: 'Values of charts/slipway' }, null, 2)}\n` }];
}
