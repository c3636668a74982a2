// Owns the shape of the logs: JSON lines, one logger, handed down. Must not know what is logged.
import { pino } from 'pino';

/** The part of a pino logger that is used. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger whose every line carries these fields. */
  child(fields: object): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger to standard output. */
export function createLog(options: { level: LogLevel; component: string; instance: string }): Log {
  return pino({
    level: options.level,
    base: { component: options.component, instance: options.instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
