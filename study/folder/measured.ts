import { join } from 'node:path';
import { makeFolder, writeJson } from '../../training/checkpoint/files.ts';
import { canonicalJson, contentKey, isPlainObject } from '../../training/data/hash.ts';
import { entries, readJsonOrNull } from './files.ts';

/**
 * Folders of a study with what was measured of its configurations beside its runs: curvature, other predictions of the best rate, and
 * what the tests of `validate` measure.
 */
export type MeasurementKind = 'spectra' | 'predictors' | 'measured';

/** Writes `KIND/KEY.json`: a measurement beside the configuration it belongs to, and returns KEY, a hash of that. */
export async function writeMeasurement(
  folder: string,
  kind: MeasurementKind,
  configuration: object,
  measurement: object,
): Promise<string> {
  const key = contentKey(configuration);
  await makeFolder(join(folder, kind), 'a folder to write a study in');
  await writeJson(join(folder, kind, `${key}.json`), { ...measurement, configuration });
  return key;
}

/** The measurement that was written for this configuration; null if there is none, or a broken one. */
export async function readMeasurement(
  folder: string,
  kind: MeasurementKind,
  configuration: object,
): Promise<Record<string, unknown> | null> {
  const stored = await readJsonOrNull(join(folder, kind, `${contentKey(configuration)}.json`));
  return isPlainObject(stored) && canonicalJson(stored.configuration) === canonicalJson(configuration) ? stored : null;
}

/** All measurements of a kind, each with its `configuration`, in the order of their keys. */
export async function readMeasurements(folder: string, kind: MeasurementKind): Promise<Record<string, unknown>[]> {
  const keys = await measurementKeys(folder, kind);
  const stored = await Promise.all(keys.map((key) => readJsonOrNull(join(folder, kind, `${key}.json`))));
  return stored.filter(isPlainObject);
}

async function measurementKeys(folder: string, kind: MeasurementKind): Promise<string[]> {
  return (await entries(join(folder, kind))).flatMap((name) => /^([0-9a-f]{12})\.json$/.exec(name)?.[1] ?? []);
}
