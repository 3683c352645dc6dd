import { InvalidArgumentError } from 'commander';

/** Parser of a whole number between two bounds. */
export function integer({ min, max }: { readonly min: number; readonly max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

/** Parser of a number of volumes a minute, as `10/min`. */
export function rate(text: string): number {
  const count = Number(/^([1-9]\d{0,4})(\/min)?$/.exec(text)?.[1]);
  if (!Number.isNaN(count)) return count;
  throw new InvalidArgumentError('Give a number of volumes a minute, as 10/min.');
}
