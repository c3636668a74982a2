// Owns the shape of the logs: JSON lines on standard output. A few lines instead of a logging library: the router logs changes, not
// requests, and its memory is counted. Must not know what is logged.

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger whose every line carries `base`. `write` takes one line with its newline. */
export function createLog(level: LogLevel, base: object, write: (line: string) => void): Log {
  const from = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel): ((fields: object, message: string) => void) => {
    if (LOG_LEVELS.indexOf(name) < from) return () => undefined;
    return (fields, message) => write(`${JSON.stringify({ level: name, time: new Date().toISOString(), ...base, ...fields, msg: message })}\n`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
