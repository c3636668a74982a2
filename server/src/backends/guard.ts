// The thread that ends a worker's process when the server that started it is gone, however that happened (kill -9 included). Must not do
// anything else: it has to answer while native code blocks the process's first thread.
import { Socket } from 'node:net';

/** A pipe whose other end only the server holds; nothing is ever written to it. */
const GUARD_FD = 4;

const pipe = new Socket({ fd: GUARD_FD, readable: true, writable: false });
pipe.on('error', () => undefined);
pipe.once('close', () => process.kill(process.pid, 'SIGKILL'));
pipe.resume();
