// Owns TensorFlow's names and numbers of the dtypes. PURE.
import type { DType } from '@slipway/api';

interface TensorFlowType {
  /** In error texts. */
  word: string;
  /** In metadata. */
  name: string;
  /** In protobuf. */
  number: number;
}

/** The DataType of each dtype. */
export const TYPES: Readonly<Record<DType, TensorFlowType>> = {
  float32: { word: 'float', name: 'DT_FLOAT', number: 1 },
  float64: { word: 'double', name: 'DT_DOUBLE', number: 2 },
  int32: { word: 'int32', name: 'DT_INT32', number: 3 },
  uint8: { word: 'uint8', name: 'DT_UINT8', number: 4 },
  int16: { word: 'int16', name: 'DT_INT16', number: 5 },
  int8: { word: 'int8', name: 'DT_INT8', number: 6 },
  string: { word: 'string', name: 'DT_STRING', number: 7 },
  complex64: { word: 'complex64', name: 'DT_COMPLEX64', number: 8 },
  int64: { word: 'int64', name: 'DT_INT64', number: 9 },
  bool: { word: 'bool', name: 'DT_BOOL', number: 10 },
  uint16: { word: 'uint16', name: 'DT_UINT16', number: 17 },
  float16: { word: 'half', name: 'DT_HALF', number: 19 },
  uint32: { word: 'uint32', name: 'DT_UINT32', number: 22 },
  uint64: { word: 'uint64', name: 'DT_UINT64', number: 23 },
};
