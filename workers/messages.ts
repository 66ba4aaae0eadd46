import { ArgumentError, type ErrorParts, LambdamaxError } from '../errors.ts';

/** What a process of workers is told: first what it is to be, then one task after another. */
export type Order =
  | { readonly kind: 'start'; readonly module: string; readonly setup: unknown }
  | { readonly kind: 'task'; readonly task: unknown };

/** What it answers: any number of reports, and then how the order ended. */
export type Answer =
  | { readonly kind: 'progress'; readonly progress: unknown }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error as it crosses from one process to another, where classes and their fields get lost. */
export interface Failure {
  /** What a LambdamaxError said; absent for any other error. */
  readonly parts?: Omit<ErrorParts, 'cause'>;
  readonly isArgument: boolean;
  readonly message: string;
  readonly stack: string;
}

/** An error as something that can be sent. */
export function failureOf(error: unknown): Failure {
  const { message, stack = message } = error instanceof Error ? error : new Error(String(error));
  const isArgument = error instanceof ArgumentError;
  if (!(error instanceof LambdamaxError)) return { isArgument, message, stack };
  const { subject, expected, got, remedy } = error;
  return { parts: { subject, expected, ...(got && { got }), ...(remedy && { remedy }) }, isArgument, message, stack };
}

/** The error that was sent, with the same message; its cause is the one over there. */
export function errorOf({ parts, isArgument, message, stack }: Failure): Error {
  const cause = Object.assign(new Error(message), { stack });
  if (parts === undefined) return new Error(message, { cause });
  return isArgument ? new ArgumentError({ ...parts, cause }) : new LambdamaxError({ ...parts, cause });
}
