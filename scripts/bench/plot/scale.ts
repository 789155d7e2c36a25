/**
 * From values to places on an axis, and where its ticks are.
 *
 * @module
 */

/** An axis without a place yet. */
export interface Scale {
  /** 0 at the low end, 1 at the high end. */
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** A scale that begins at zero. */
export function linear(values: readonly number[]): Scale {
  const most = Math.max(...values, 1e-9);
  const step = roundStep(most / 5);
  const end = Math.ceil(most * 1.0001 / step) * step;
  const ticks: number[] = [];
  for (let i = 0; i * step <= end * 1.0001; i++) ticks.push(i * step);
  return { place: (value) => value / end, ticks };
}

/** A scale in which each step is as many times the one before. */
export function logarithmic(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const ticks: number[] = [];
  for (let power = low; power <= high; power++) ticks.push(10 ** power);
  return {
    place: (value) =>
      (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
    ticks,
  };
}

/** A number as people write it. */
export function words(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return Number(value.toFixed(decimals)).toLocaleString("en");
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least) ??
    power;
}
