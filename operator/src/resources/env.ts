// Owns the shape of container environment entries. Must not know which container they are for.

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: Record<string, unknown>;
}

export const constantEnv = (values: Record<string, string>): EnvVar[] => Object.entries(values).map(([name, value]) => ({ name, value }));

/** One entry, or none where the value is not set: an absent variable and an empty one mean different things to readers. */
export const optionalEnv = (name: string, value: string | undefined): EnvVar[] => (value === undefined ? [] : [{ name, value }]);

export const fieldEnv = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
