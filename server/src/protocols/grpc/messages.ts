// Owns the way from .proto text to functions that read and write its messages. Must not know any service.
import protobuf from 'protobufjs';
import { GRPC, GrpcError } from './status.ts';

// 64-bit integers are numbers: versions, shapes and counters fit. Tensor elements do not go through here.
(protobuf.util as { Long: unknown }).Long = undefined;
protobuf.configure();

/** One message type. Fields are in snake_case as in the .proto; absent ones read as proto3 defaults. */
export interface Codec<T> {
  /** @throws GrpcError invalidArgument */
  decode(bytes: Uint8Array): T;
  /** Absent and undefined fields are left out. */
  encode(message: T): Uint8Array;
}

/**
 * The messages of a .proto file, by their full names.
 * @throws Error for a type that the text does not have: a mistake of ours, seen at the start.
 */
export function messagesOf(proto: string): <T extends object>(name: string) => Codec<T> {
  const { root } = protobuf.parse(proto, { keepCase: true });
  root.resolveAll();
  return <T extends object>(name: string): Codec<T> => {
    const type = root.lookupType(name);
    return {
      decode: (bytes) => read<T>(type, bytes),
      encode: (message) => type.encode(message).finish(),
    };
  };
}

function read<T>(type: protobuf.Type, bytes: Uint8Array): T {
  try {
    return type.decode(bytes) as unknown as T;
  } catch (error) {
    throw new GrpcError(GRPC.invalidArgument, `The message is no ${type.name}: ${(error as Error).message.slice(0, 200)}`);
  }
}
