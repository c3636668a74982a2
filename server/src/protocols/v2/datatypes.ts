// Owns the datatypes of the Open Inference Protocol V2 and which dtype of ours each is. PURE.
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';

interface Names {
  /** `FP32`, as requests and metadata say. */
  datatype: string;
  /** `TYPE_FP32`, as model configurations say, and its number there. */
  config: string;
  number: number;
}

const named = (datatype: string, number: number, config = `TYPE_${datatype}`): Names => ({ datatype, config, number });

const NAMES: Record<DType, Names | undefined> = {
  bool: named('BOOL', 1),
  uint8: named('UINT8', 2),
  uint16: named('UINT16', 3),
  uint32: named('UINT32', 4),
  uint64: named('UINT64', 5),
  int8: named('INT8', 6),
  int16: named('INT16', 7),
  int32: named('INT32', 8),
  int64: named('INT64', 9),
  float16: named('FP16', 10),
  float32: named('FP32', 11),
  float64: named('FP64', 12),
  string: named('BYTES', 13, 'TYPE_STRING'),
  complex64: undefined,
};

const BY_NAME = new Map(Object.entries(NAMES).flatMap(([dtype, names]) => (names === undefined ? [] : [[names.datatype, dtype as DType]])));

/** @throws RangeError for a dtype that models cannot have here. */
export function namesOf(dtype: DType): Names {
  const names = NAMES[dtype];
  if (names === undefined) throw new RangeError(`dtype ${dtype} is not supported`);
  return names;
}

/** Undefined for what is no datatype. */
export const knownDtype = (datatype: string): DType | undefined => BY_NAME.get(datatype);

/** @throws InferenceError invalid_input */
export function dtypeOf(datatype: string, input: string): DType {
  const dtype = knownDtype(datatype);
  if (dtype === undefined) throw new InferenceError('invalid_input', `invalid datatype '${datatype.slice(0, 40)}' for input '${input}'; there are ${[...BY_NAME.keys()].join(', ')}`);
  return dtype;
}
