import type { RandomStream } from '../../../compute/random.ts';
import { type Person, people } from '../world/people.ts';
import { places, type Thing, things } from '../world/things.ts';
import { between, capital, choose, chooseSome } from '../world/words.ts';

/** A row in the format of IFEval, with a response that follows all instructions. */
export type InstructionRow = {
  readonly prompt: string;
  readonly instruction_id_list: readonly string[];
  readonly kwargs: readonly Readonly<Record<string, unknown>>[];
  readonly response: string;
};

/** Whom and what a response is about. */
interface Topic {
  readonly person: Person;
  readonly thing: Thing;
}

/** An instruction, and what follows it. */
interface Demand {
  readonly id: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly words: string;
}

/** An instruction on what a text is made of, with such a text. */
interface Body extends Demand {
  readonly text: string;
}

/** An instruction on what is around a text. */
interface Frame extends Demand {
  readonly around: (text: string) => string;
}

/** Little sentences, each right on its own. */
function sentences(
  random: RandomStream,
  { person: { name, pronoun }, thing: { one, many } }: Topic,
  count: number,
): string[] {
  const all = [
    `${name} is ${choose(random, places)}.`,
    `${name} has ${between(random, 2, 9)} ${many}.`,
    `${capital(pronoun)} likes the ${one}.`,
    `Now ${pronoun} finds ${between(random, 2, 9)} more.`,
  ];
  const chosen = new Set(chooseSome(random, [...all.keys()], count));
  return all.filter((_, index) => chosen.has(index));
}

const bodies: readonly ((random: RandomStream, topic: Topic) => Body)[] = [
  (random, { thing: { many } }) => {
    const count = between(random, 2, 4);
    const points = chooseSome(random, ['red', 'blue', 'big', 'old', 'good', 'small'], count);
    return {
      id: 'detectable_format:number_bullet_lists',
      kwargs: { num_bullets: count },
      words: `Make a list of exactly ${count} points, each with * before it.`,
      text: [`The ${many}:`, ...points.map((word) => `* ${word} ${many}`)].join('\n'),
    };
  },
  (random, topic) => {
    const count = between(random, 2, 3);
    return {
      id: 'length_constraints:number_paragraphs',
      kwargs: { num_paragraphs: count },
      words: `Write ${count} parts with *** between them.`,
      text: sentences(random, topic, count).join('\n***\n'),
    };
  },
  (random, { person: { name }, thing: { many } }) => ({
    id: 'detectable_format:number_highlighted_sections',
    kwargs: { num_highlights: 2 },
    words: 'Put at least 2 words between stars, as *word*.',
    text: choose(random, [`*${name}* has the *${many}*.`, `The *${many}* are good for *${name}*.`]),
  }),
  (random, { thing: { many } }) => ({
    id: 'detectable_content:number_placeholders',
    kwargs: { num_placeholders: 2 },
    words: 'Use at least 2 places to fill in, as [name].',
    text: choose(random, [`[name] has [number] ${many}.`, `At [place] are the ${many} of [name].`]),
  }),
  (random, topic) => {
    const keywords = chooseSome(random, ['moon', 'river', 'boat', 'tree', 'rain'], 2);
    return {
      id: 'keywords:existence',
      kwargs: { keywords },
      words: `Use the words ${keywords.join(' and ')}.`,
      text: `${sentences(random, topic, 1)[0]} There is a ${keywords[0]} and a ${keywords[1]}.`,
    };
  },
  (random, topic) => {
    const [one, two] = sentences(random, topic, 2);
    return {
      id: 'combination:two_responses',
      kwargs: {},
      words: 'Give two answers with ****** between them.',
      text: `${one}\n******\n${two}`,
    };
  },
];

const frames: readonly ((random: RandomStream, topic: Topic) => Frame)[] = [
  () => ({
    id: 'startend:quotation',
    kwargs: {},
    words: 'Put all of it in double quotes.',
    around: (text) => `"${text}"`,
  }),
  (_, { person: { name }, thing: { many } }) => ({
    id: 'detectable_format:title',
    kwargs: {},
    words: 'Give it a title, as <<title>>.',
    around: (text) => `<<${name} and the ${many}>>\n${text}`,
  }),
  (random, { person: { name } }) => ({
    id: 'detectable_content:postscript',
    kwargs: { postscript_marker: 'P.S.' },
    words: 'Add a P.S. at the end.',
    around: (text) => `${text}\nP.S. ${choose(random, [`${name} is good.`, 'That is all.'])}`,
  }),
  (random) => {
    const phrase = choose(random, ['That is all.', 'The end.', 'Good night.']);
    return {
      id: 'startend:end_checker',
      kwargs: { end_phrase: phrase },
      words: `End with the words: ${phrase}`,
      around: (text) => `${text}\n${phrase}`,
    };
  },
];

/** A text to write about somebody and something, under one instruction or two that can be checked. */
export function instructionRow(random: RandomStream): InstructionRow {
  const topic = { person: choose(random, people), thing: choose(random, things) };
  const where = choose(random, ['', ...places.map((place) => ` ${place}`)]);
  const about = `Write about ${topic.person.name} and the ${topic.thing.many}${where}.`;
  const kind = random.uniform();
  const body = kind < 0.7 ? choose(random, bodies)(random, topic) : undefined;
  const frame = kind < 0.3 ? undefined : choose(random, frames)(random, topic);
  const text = body?.text ?? sentences(random, topic, 2).join(' ');
  const demands = [body, frame].flatMap((demand) => demand ?? []);
  return {
    prompt: [about, ...demands.map(({ words }) => words)].join(' '),
    instruction_id_list: demands.map(({ id }) => id),
    kwargs: demands.map(({ kwargs }) => kwargs),
    response: frame?.around(text) ?? text,
  };
}
