import { LambdamaxError } from '../../../errors.ts';

/** The tensor called `name` of an adapted layer. Throws a LambdamaxError that names it and those that are there. */
export function tensorOf<T>(tensors: ReadonlyMap<string, T>, name: string): T {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new LambdamaxError({ subject: `adapter tensor ${name}`, expected: 'a value', got: [...tensors.keys()] });
  }
  return tensor;
}
