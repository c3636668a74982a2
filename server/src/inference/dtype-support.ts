// Owns the published table of dtypes: what each kind of model may have on its inputs and outputs. A dtype that is not here is
// refused when the model is loaded. docs/reference/dtypes.md is generated from it; the tests send every entry through its runtime.
import type { DType, ModelFormat } from '@slipway/api';

export interface DTypeSupport {
  /** How values of this dtype travel. */
  note: string;
}

const exact: DTypeSupport = { note: 'exact' };

export const DTYPE_SUPPORT: Record<ModelFormat, Partial<Record<DType, DTypeSupport>>> = {
  'saved-model': {
    float32: exact,
    float64: exact,
    float16: { note: 'sent and answered as float32, rounded by the model' },
    int8: exact,
    int16: exact,
    int32: exact,
    int64: { note: 'inputs within int32, else 400; outputs exact up to 2^53' },
    uint8: exact,
    uint16: exact,
    uint32: exact,
    uint64: { note: 'inputs within int32, else 400; outputs exact up to 2^53' },
    bool: exact,
    string: { note: 'text, or bytes as {"b64": ...}' },
  },
  'tfjs-graph': { float32: exact, int32: { note: 'exact; also for int64 and uint8 of the original model' }, bool: exact, string: { note: 'text, or bytes as {"b64": ...}' } },
  'tfjs-layers': { float32: exact, int32: exact, bool: exact, string: { note: 'text, or bytes as {"b64": ...}' } },
  onnx: {
    float32: exact,
    float64: exact,
    float16: { note: 'sent and answered as float32, rounded by the model' },
    int8: exact,
    int16: exact,
    int32: exact,
    int64: { note: 'exact up to 2^53' },
    uint8: exact,
    uint16: exact,
    uint32: exact,
    uint64: { note: 'exact up to 2^53' },
    bool: exact,
    string: { note: 'text without NUL characters, or its UTF-8 bytes as {"b64": ...}' },
  },
};

/** Whether models of a format may have this dtype. */
export const isSupported = (format: ModelFormat, dtype: DType): boolean => DTYPE_SUPPORT[format][dtype] !== undefined;
