// Owns how generated YAML looks: one document, stable, readable by YAML 1.1 parsers (Helm, kubectl) as well. Must not know its content.
import { dump, YAML11_SCHEMA } from 'js-yaml';

/** YAML of one plain object, keys in their own order. */
export function yamlOf(value: unknown): string {
  return dump(value, { lineWidth: 140, noRefs: true, schema: YAML11_SCHEMA });
}
