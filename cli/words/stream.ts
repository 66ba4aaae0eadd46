/** A stream that knows whether a person reads it. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}
