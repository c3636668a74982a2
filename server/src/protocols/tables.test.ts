// Every protocol has a status for every code of the catalogue; small codecs that need no model are read both ways.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS, InferenceError, type ErrorCode } from '../inference/errors.ts';
import { csvCost, numbersOf, readCsv, writeCsv } from './clouds/csv.ts';
import { CLOUD_ERRORS, writeError as writeCloud } from './clouds/errors.ts';
import { vertexUrl } from './clouds/routes.ts';
import { KSERVE_STATUS, writeError as writeKserve } from './kserve/errors.ts';
import { GRPC } from './grpc/status.ts';
import { TORCHSERVE_ERRORS, writeError as writeTorchServe } from './torchserve/errors.ts';
import { grpcErrorOf, writeError as writeV2 } from './v2/errors.ts';

const CODES = Object.keys(ERRORS) as ErrorCode[];
const words = (body: string | Buffer): unknown => JSON.parse(String(body));

describe('tables of errors', () => {
  it.each([['KServe V1', KSERVE_STATUS], ['TorchServe', TORCHSERVE_ERRORS], ['the clouds', CLOUD_ERRORS]] as const)('%s has every code and no other', (_, table) => {
    expect(Object.keys(table).sort()).toEqual([...CODES].sort());
  });

  it.each(CODES)('%s is an error everywhere, and 421 stays what the router goes by', (code) => {
    const error = new InferenceError(code, 'because');
    for (const answer of [writeKserve(error), writeTorchServe(error), writeCloud(error), writeV2(error)]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status === 421).toBe(code === 'model_version_elsewhere');
      expect(JSON.stringify(words(answer.body))).toContain('because');
    }
  });

  it('have the words that clients know', () => {
    expect(words(writeKserve(new InferenceError('model_not_found', ''), 'm').body)).toEqual({ error: 'Model with name m does not exist.' });
    expect(words(writeKserve(new InferenceError('model_not_ready', ''), 'm').body)).toEqual({ error: 'Model with name m is not ready.' });
    expect(words(writeKserve(new InferenceError('inference_failed', 'the model said so')).body)).toEqual({ error: 'the model said so' });
    expect(writeV2(new InferenceError('queue_full', 'wait'))).toMatchObject({ status: 503, body: '{"error":"Exceeds maximum queue size: wait"}' });
    expect(writeV2(new InferenceError('deadline_exceeded', 'late'))).toMatchObject({ status: 503, body: '{"error":"Request timeout expired: late"}' });
    expect(grpcErrorOf(new InferenceError('queue_full', 'wait'))).toMatchObject({ code: GRPC.unavailable, message: 'Exceeds maximum queue size: wait', retryAfterSeconds: 1 });
    expect(grpcErrorOf(new InferenceError('deadline_exceeded', 'late'))).toMatchObject({ code: GRPC.deadlineExceeded, message: 'Request timeout expired: late' });
    expect(words(writeTorchServe(new InferenceError('model_not_found', 'gone')).body)).toEqual({ code: 404, type: 'ModelNotFoundException', message: 'gone' });
  });
});

describe('CSV', () => {
  it('reads what it writes', () => {
    const field = fc.oneof(fc.string(), fc.constantFrom('a,b', '"', '\r\n', '')).filter((text) => text !== '');
    fc.assert(fc.property(fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }), (rows) => {
      expect(readCsv(writeCsv(rows.map((row) => JSON.stringify(row))))).toEqual(rows);
    }));
  });

  it('weighs as many lines whichever way they end', () => {
    const [lf, crlf, cr] = ['\n', '\r\n', '\r'].map((end) => csvCost(Buffer.from(`1,2${end}3,4${end}`)));
    expect(cr).toBe(lf);
    expect(crlf).toBe(csvCost(Buffer.from('1,2\n3,4\n')) + 2 * csvCost(Buffer.from('11')) - 2 * csvCost(Buffer.from('1')));
    expect(csvCost(Buffer.from('1\n1\n'))).toBeGreaterThan(csvCost(Buffer.from('1111')));
  });

  it('knows numbers, and takes or refuses any text in words', () => {
    expect(numbersOf(readCsv('1,-2.5\r\n3,x\n'))).toEqual([[1, -2.5], [3, 'x']]);
    fc.assert(fc.property(fc.stringMatching(/^[",\r\n a1]*$/), (text) => {
      try {
        readCsv(text);
      } catch (error) {
        expect(error).toBeInstanceOf(InferenceError);
      }
    }));
  });
});

it("Vertex AI's paths are taken before others, with their query", () => {
  const paths = { predict: '/predict', health: '/health' };
  expect(vertexUrl(paths, '/predict?x=1')).toBe('/vertex/predict');
  expect(vertexUrl(paths, '/health')).toBe('/vertex/health');
  expect(vertexUrl(paths, '/predictions/m')).toBe('/predictions/m');
});
