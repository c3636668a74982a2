// Owns values that most calls have at once and some have to wait for. Each promise costs a call about as much as a look into a table, so
// what is there already is handed on as it is.

export type Soon<T> = T | Promise<T>;

/** What comes after a value, at once where the value is there. */
export const following = <T, U>(value: Soon<T>, next: (value: T) => Soon<U>): Soon<U> => (value instanceof Promise ? value.then(next) : next(value));
