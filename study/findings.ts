import { basename, resolve } from 'node:path';
import type { Sweep, SweepConfiguration, SweepContext } from '../analysis/rates/sweep.ts';
import { LambdamaxError } from '../errors.ts';
import { canonicalJson, hashOf } from '../training/data/hash.ts';
import type { Configuration } from './configurations/configuration.ts';
import { namesOf, type Setting } from './configurations/names.ts';
import { type RunCurve, readCurves } from './folder/curves.ts';
import { readStudy, type StudyRecord } from './folder/record.ts';
import { type KnownOf, knownOf } from './measure/known.ts';
import { readPredicted } from './measure/predictors.ts';
import { readSpectra, type SpectrumOf, type StoredSpectrum } from './measure/spectra.ts';
import type { StudyPlan } from './plan/plan.ts';
import { intervalOf, scoreOf } from './plan/result.ts';
import { directionOf, isShare, scoreLabels } from './plan/score.ts';
import { studyProgress } from './sweep/progress.ts';

/** One or several study folders as the analysis sees them. */
export interface StudyFindings {
  readonly plans: readonly StudyPlan[];
  readonly sweep: Sweep;
  /** The curvature of each configuration where training starts, as far as it was measured. */
  readonly spectra: readonly FoundSpectrum[];
  /** Reads how the loss of each run of the first seed went. */
  readonly readCurves: () => Promise<FoundCurve[]>;
  /** In what several studies differ besides their configurations, a sentence each. */
  readonly differences: readonly string[];
}

/** A configuration, by its name, with the spectrum of its Hessian. */
export interface FoundSpectrum {
  readonly configuration: string;
  readonly method: string;
  readonly spectrum: StoredSpectrum;
}

/** How the loss of a run went, with the name of its configuration. */
export interface FoundCurve extends Omit<RunCurve, 'run'> {
  readonly configuration: string;
  readonly learningRate: number;
}

/** A study with all that was measured in it. */
interface MeasuredStudy extends StudyRecord {
  readonly spectrumOf: SpectrumOf;
  readonly knownOf: KnownOf;
}

/**
 * Reads the finished runs, the spectra and the predictions of study folders, as one sweep: configurations of several studies stand
 * side by side, named by what differs among them. A run that several of them have counts once.
 * @throws LambdamaxError if there is no study in a folder, or if studies are scored in ways that cannot be compared.
 */
export async function readStudyFindings(...folders: readonly string[]): Promise<StudyFindings> {
  const paths = folders.map((folder) => resolve(folder));
  const studies = await Promise.all(folders.filter((_, at) => paths.indexOf(paths[at]!) === at).map(readMeasured));
  requireOneScore(studies);
  const plans = studies.map(({ plan }) => plan);
  const apart = settingsApart(studies);
  const all = studies.flatMap((study, index) =>
    study.plan.configurations.map((configuration) => ({
      ...{ study, configuration },
      others: [...apart.settings[index]!, ...contentOf(study.plan, configuration)],
    })),
  );
  const named = namesOf(all).map((name, index) => ({ ...all[index]!, ...name }));
  const spectra = named.flatMap(({ study, configuration, name, method }) => {
    const spectrum = study.spectrumOf(configuration, 'hessian');
    return spectrum ? [{ configuration: name, method, spectrum }] : [];
  });
  return {
    plans,
    sweep: sweepOf(studies, named),
    spectra: [...new Map(spectra.toReversed().map((one) => [one.configuration, one])).values()].reverse(),
    readCurves: () => curvesOf(named),
    differences: apart.words,
  };
}

/** A run that several studies have is read once. */
async function curvesOf(named: readonly NamedConfiguration[]): Promise<FoundCurve[]> {
  const curves = await Promise.all(
    named.map(async ({ study: { folder, runs, plan }, configuration, name }) => {
      const own = runs.filter((run) => run.configuration === configuration);
      return (await readCurves(folder, own, plan.seeds[0]!)).map(({ run, steps, losses }) => ({
        ...{ key: `${name} ${run.key}`, configuration: name, learningRate: run.learningRate, steps, losses },
      }));
    }),
  );
  return [...new Map(curves.flat().map(({ key, ...curve }) => [key, curve])).values()];
}

/** A user's own file at what it holds, so that two studies of one name with other contents are two; none of a method of ours. */
function contentOf({ methodContent }: StudyPlan, { method }: Configuration): Setting[] {
  const content = methodContent?.[method]?.slice(0, 6);
  return content === undefined ? [] : [{ name: `content of ${method}`, value: content, words: `content ${content}` }];
}

async function readMeasured(folder: string): Promise<MeasuredStudy> {
  const record = await readStudy(folder);
  const { plan } = record;
  const spectrumOf = await readSpectra(folder, plan);
  return { ...record, spectrumOf, knownOf: knownOf(spectrumOf, await readPredicted(folder, plan)) };
}

/** A loss and a share of problems have no common scale. */
function requireOneScore(studies: readonly MeasuredStudy[]): void {
  const [first, ...others] = studies;
  const other = others.find(({ plan }) => directionOf(plan.score) !== directionOf(first!.plan.score));
  if (other === undefined) return;
  throw new LambdamaxError({
    subject: `studies ${first!.folder} and ${other.folder}`,
    expected: 'studies that compare runs in the same way',
    got: `${scoreLabels[first!.plan.score]} and ${scoreLabels[other.plan.score]}`,
    remedy: 'look at each by itself',
  });
}

/** What studies can differ in besides their configurations. */
interface Subject {
  /** The name in a column of a table, and in a sentence. */
  readonly name: string;
  /** Equal for studies that agree in it. */
  identity(plan: StudyPlan): string;
  words(plan: StudyPlan): string;
}

const subjects: readonly Subject[] = [
  { name: 'model', identity: ({ modelHash }) => modelHash, words: ({ model }) => basename(model) },
  {
    name: 'task',
    identity: ({ task }) => canonicalJson(task ?? null),
    words: ({ task }) => (task === undefined ? 'no task' : basename(task.name)),
  },
  {
    name: 'data',
    identity: ({ dataHash }) => dataHash,
    words: ({ data }) => data.map((file) => basename(file)).join(' and '),
  },
  {
    name: 'validation',
    identity: ({ validationHash }) => validationHash ?? '',
    words: ({ validation, validationHash }) =>
      validation.map((file) => basename(file)).join(' and ') || (validationHash === null ? 'none' : 'rows held out'),
  },
  { name: 'score', identity: ({ score }) => score, words: ({ score }) => scoreLabels[score] },
  {
    name: 'results version',
    identity: ({ resultsVersion }) => String(resultsVersion),
    words: ({ resultsVersion = 'before 1' }) => `results version ${resultsVersion}`,
  },
  {
    name: 'init seed',
    identity: ({ initSeed }) => String(initSeed),
    words: ({ initSeed }) => (initSeed === null ? "each run's own init seed" : `init seed ${initSeed}`),
  },
  { name: 'precision', identity: ({ precision }) => precision, words: ({ precision }) => precision },
  { name: 'backend', identity: ({ backend = 'onnx' }) => backend, words: ({ backend = 'onnx' }) => backend },
];

/** In what studies differ: settings of each that join its configurations' names, and a sentence for each subject. */
function settingsApart(studies: readonly MeasuredStudy[]): { settings: Setting[][]; words: string[] } {
  const differing = subjects.filter(({ identity }) => new Set(studies.map(({ plan }) => identity(plan))).size > 1);
  const valueIn = (subject: Subject, plan: StudyPlan): string => {
    const words = subject.words(plan);
    // Two files of one name are two.
    const isAmbiguous = studies.some(
      (other) => subject.words(other.plan) === words && subject.identity(other.plan) !== subject.identity(plan),
    );
    return isAmbiguous ? `${words} (${hashOf(subject.identity(plan)).slice(0, 6)})` : words;
  };
  return {
    settings: studies.map(({ plan }) =>
      differing.map((subject) => {
        const value = valueIn(subject, plan);
        return { name: subject.name, value, words: value };
      }),
    ),
    words: differing.map(
      (subject) =>
        `The ${subject.name} differs: ${studies.map(({ folder, plan }) => `${valueIn(subject, plan)} in ${folder}`).join(', ')}.`,
    ),
  };
}

/** A configuration among those of all studies. */
interface NamedConfiguration {
  readonly study: MeasuredStudy;
  readonly configuration: Configuration;
  readonly name: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, string>>;
}

function sweepOf(studies: readonly MeasuredStudy[], named: readonly NamedConfiguration[]): Sweep {
  const [{ plan }] = studies as [MeasuredStudy];
  const nameOf = (configuration: Configuration): string =>
    named.find((one) => one.configuration === configuration)!.name;
  const progress = studies.map((study) => studyProgress(study.plan, study.runs));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  const all = studies.flatMap(({ plan: { score }, runs }) => runs.map((run) => ({ score, ...run })));
  const each = [...new Map(all.map((run) => [`${run.key} ${nameOf(run.configuration)}`, run])).values()];
  const repeated = all.length - each.length;
  return {
    runs: each.map(({ score, configuration, learningRate, seed, result }) => ({
      configuration: nameOf(configuration),
      method: named.find((one) => one.configuration === configuration)!.method,
      learningRate,
      seed,
      score: scoreOf(result, score),
      status: result.status,
      ...(isShare(score) && { interval: intervalOf(result, score), loss: result.validationLoss ?? null }),
    })),
    scoreDirection: directionOf(plan.score),
    isShare: isShare(plan.score),
    configurations: eachOnce(
      named.filter(({ study, configuration }) => hasRuns(study, configuration)).map(sweepConfiguration),
    ),
    progress: {
      done: sum(progress.map(({ done }) => done)) - repeated,
      planned: sum(progress.map(({ planned }) => planned)) - repeated,
      unfinished: [...new Set(progress.flatMap(({ unfinished }) => unfinished.map(nameOf)))],
    },
    context: contextOf(studies),
  };
}

/** A configuration that several studies have is one, with what was measured of it in any. */
function eachOnce(all: readonly SweepConfiguration[]): SweepConfiguration[] {
  const names = [...new Set(all.map(({ configuration }) => configuration))];
  return names.map((name) => {
    const same = all.filter(({ configuration }) => configuration === name);
    const joined = (parts: readonly (object | undefined)[]) =>
      Object.fromEntries(parts.toReversed().flatMap((part) => Object.entries(part ?? {})));
    return {
      ...(joined(same) as unknown as SweepConfiguration),
      limit: same.find(({ limit }) => limit)?.limit ?? null,
      predictedRates: joined(same.map(({ predictedRates }) => predictedRates)),
      prices: joined(same.map(({ prices }) => prices)),
    };
  });
}

function hasRuns({ runs }: MeasuredStudy, configuration: Configuration): boolean {
  return runs.some((run) => run.configuration === configuration);
}

function sweepConfiguration({ study, configuration, name, method, settings }: NamedConfiguration): SweepConfiguration {
  const { lambdaMax, lambdaPre: _, gradientNorm: _norm, ...known } = study.knownOf(configuration);
  return {
    configuration: name,
    method,
    settings,
    // A curvature that is zero or negative predicts no rate.
    ...(lambdaMax !== null && lambdaMax > 0 && { lambdaMax }),
    ...known,
  };
}

/** What all configurations of all studies have in common. */
function contextOf(studies: readonly MeasuredStudy[]): SweepContext {
  const plans = studies.map(({ plan }) => plan);
  const configurations = plans.flatMap((plan) => plan.configurations);
  const common = <Name extends keyof SweepContext>(
    name: Name,
    values: readonly (SweepContext[Name] & {})[],
  ): Pick<SweepContext, Name> | object => (new Set(values).size === 1 ? { [name]: values[0] } : {});
  return {
    ...common(
      'steps',
      configurations.map(({ steps }) => steps),
    ),
    ...common(
      'model',
      plans.map(({ model }) => model),
    ),
    ...common(
      'data',
      plans.map(({ data }) => data.join(', ')),
    ),
    ...common(
      'batchSize',
      configurations.map(({ batchSize }) => batchSize),
    ),
    ...common(
      'optimizer',
      configurations.map(({ optimizer }) => optimizer.name),
    ),
    ...common(
      'score',
      plans.map(({ score }) => scoreLabels[score]),
    ),
  };
}
