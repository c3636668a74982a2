// Calls of TensorFlow Serving's gRPC as a genuine client (grpc-js) makes them, over the real paths, with the messages that the server itself has.
import type grpc from '@grpc/grpc-js';
import { MESSAGES, type TensorMessage } from '../../../server/src/protocols/tfserving/grpc-messages.ts';
import type { Loose } from './server.ts';

interface Coder {
  encode(message: object): Uint8Array;
  decode(bytes: Uint8Array): object;
}

export interface Codecs {
  request: unknown;
  response: unknown;
}

export const PREDICT: Codecs = { request: MESSAGES.predictRequest, response: MESSAGES.predictResponse };

/** `method`: `PredictionService/Predict`, ... Rejects with grpc-js's ServiceError. */
export function tfServingCall(client: grpc.Client, method: string, codecs: Codecs, message: object): Promise<Loose> {
  const [request, response] = [codecs.request as Coder, codecs.response as Coder];
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(`/tensorflow.serving.${method}`, (sent: object) => Buffer.from(request.encode(sent)), (bytes) => response.decode(bytes), message, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
}

/** float32 numbers as a TensorProto. */
export const proto = (values: number[], shape: number[]): TensorMessage => ({ dtype: 1, tensor_shape: { dim: shape.map((size) => ({ size })) }, float_val: values });
