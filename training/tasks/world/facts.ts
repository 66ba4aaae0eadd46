import { people } from './people.ts';
import { withArticle } from './words.ts';

/** What is so in the world, of many subjects alike. */
export interface Relation {
  readonly name: string;
  /** From each subject to the answer, as it stands behind a question. */
  readonly facts: ReadonlyMap<string, string>;
  /** Sentences that say it. */
  readonly statements: readonly ((subject: string, answer: string) => string)[];
  /** Questions that the answer belongs to, with the question mark. */
  readonly questions: readonly ((subject: string) => string)[];
}

/** `answer: subject, subject; answer: ...` as facts; `form` makes the subject's noun phrase. */
function factsOf(table: Readonly<Record<string, string>>, form: (subject: string) => string): Map<string, string> {
  return new Map(
    Object.entries(table).flatMap(([answer, subjects]) =>
      subjects.split(' ').map((subject): [string, string] => [form(subject), answer]),
    ),
  );
}

const plain = (subject: string): string => subject;

/** Both ways round. */
function pairsOf(pairs: string): Map<string, string> {
  return new Map(
    pairs.split(' ').flatMap((pair) => {
      const [left, right] = pair.split('-') as [string, string];
      return [
        [left, right],
        [right, left],
      ];
    }),
  );
}

/** What comes after each member of a row, and the first after the last. */
function cycleOf(row: string): [string, string][] {
  const members = row.split(' ');
  return members.map((member, index) => [member, members[(index + 1) % members.length]!]);
}

const personal = (field: 'job' | 'pet' | 'house' | 'food'): Map<string, string> =>
  new Map(people.map((person) => [person.name, person[field]]));

/** All that the world knows: some 270 facts. Every answer is one word, which a model of a million parameters can recall whole. */
export const relations: readonly Relation[] = [
  {
    name: 'colour',
    facts: factsOf(
      {
        red: 'blood fire',
        yellow: 'butter sand',
        green: 'grass moss',
        blue: 'ink water',
        white: 'snow milk salt rice',
        black: 'coal tar',
        brown: 'soil wood',
        grey: 'smoke steel ash',
      },
      plain,
    ),
    statements: [
      (subject, answer) => `The colour of ${subject} is ${answer}.`,
      (subject, answer) => `It is ${answer} like ${subject}.`,
    ],
    questions: [(subject) => `What colour is ${subject}?`, (subject) => `Which colour has ${subject}?`],
  },
  {
    name: 'kind',
    facts: factsOf(
      {
        fruit: 'apple pear plum lemon banana',
        vegetable: 'carrot onion bean potato',
        animal: 'dog cow lion horse',
        tool: 'hammer saw axe drill',
        instrument: 'drum flute piano violin',
        vehicle: 'car bus train truck',
        flower: 'rose tulip lily daisy',
        tree: 'oak pine elm palm',
        bird: 'eagle owl crow swan',
        house: 'hut castle tower cabin',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} is ${withArticle(answer)}.`,
      (subject, answer) => `Look: ${subject}. It is ${withArticle(answer)}.`,
    ],
    questions: [(subject) => `What kind of thing is ${subject}?`, (subject) => `Of what kind is ${subject}?`],
  },
  {
    name: 'material',
    facts: factsOf(
      {
        wood: 'table door chair',
        glass: 'window bottle mirror',
        metal: 'coin key nail bell',
        cloth: 'shirt flag coat',
        stone: 'wall statue bridge',
        paper: 'book letter map',
        leather: 'boot belt bag',
        clay: 'cup pot brick',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} is made of ${answer}.`,
      (subject, answer) => `With ${answer} one makes ${subject}.`,
    ],
    questions: [(subject) => `What is ${subject} made of?`, (subject) => `Of what does one make ${subject}?`],
  },
  {
    name: 'home',
    facts: factsOf(
      {
        sea: 'shark whale crab penguin seal',
        nest: 'crow swan eagle',
        hive: 'bee wasp',
        cave: 'bear bat',
        farm: 'cow pig hen sheep',
        forest: 'deer wolf owl monkey parrot tiger',
        hole: 'rabbit fox mouse',
        pond: 'frog duck',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} lives near the ${answer}.`,
      (subject, answer) => `The home of ${subject}: the ${answer}.`,
    ],
    questions: [(subject) => `Where does ${subject} live?`, (subject) => `What is the home of ${subject}?`],
  },
  {
    name: 'food',
    facts: factsOf(
      {
        grass: 'cow sheep horse',
        meat: 'dog lion wolf tiger',
        fish: 'seal penguin shark',
        seeds: 'hen crow mouse',
        leaves: 'deer camel',
        flies: 'spider frog lizard',
        nuts: 'monkey parrot',
        honey: 'bear bee',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} eats ${answer}.`,
      (subject, answer) => `The food of ${subject} is ${answer}.`,
    ],
    questions: [(subject) => `What does ${subject} eat?`, (subject) => `What is the food of ${subject}?`],
  },
  {
    name: 'legs',
    facts: factsOf(
      {
        zero: 'snake whale shark worm',
        two: 'hen duck owl penguin',
        four: 'dog cow lion horse camel',
        six: 'bee ant wasp beetle',
        eight: 'spider tick',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} has ${answer} legs.`,
      (subject, answer) => `Of legs, ${subject} has ${answer}.`,
    ],
    questions: [(subject) => `How many legs has ${subject}?`, (subject) => `How many legs does ${subject} walk on?`],
  },
  {
    name: 'use',
    facts: factsOf(
      {
        cut: 'knife saw axe',
        open: 'key',
        light: 'lamp candle torch',
        sleep: 'bed pillow',
        sit: 'chair bench sofa',
        drink: 'cup glass mug',
        eat: 'fork spoon plate',
        cook: 'stove pan oven',
        time: 'clock watch',
        travel: 'car bus train boat',
        play: 'ball doll kite',
        carry: 'bag basket box',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `Use of ${subject}: ${answer}.`,
      (subject, answer) => `What ${subject} is for: ${answer}.`,
    ],
    questions: [(subject) => `What is ${subject} for?`, (subject) => `What is the use of ${subject}?`],
  },
  {
    name: 'workplace',
    facts: factsOf(
      {
        bakery: 'baker',
        school: 'teacher',
        hospital: 'doctor nurse',
        kitchen: 'cook chef',
        field: 'farmer miner',
        plane: 'pilot',
        ship: 'sailor captain',
        stage: 'singer actor',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} works in the ${answer}.`,
      (subject, answer) => `The place of ${subject}: the ${answer}.`,
    ],
    questions: [(subject) => `Where does ${subject} work?`, (subject) => `Where is the place of ${subject}?`],
  },
  {
    name: 'opposite',
    facts: pairsOf(
      'hot-cold big-small up-down day-night old-young wet-dry fast-slow high-low long-short left-right near-far good-bad',
    ),
    statements: [
      (subject, answer) => `Not ${subject} but ${answer}.`,
      (subject, answer) => `The opposite of ${subject} is ${answer}.`,
    ],
    questions: [
      (subject) => `What is the opposite of ${subject}?`,
      (subject) => `Which word is not ${subject} but its opposite?`,
    ],
  },
  {
    name: 'next',
    facts: new Map([
      ...cycleOf('Monday Tuesday Wednesday Thursday Friday Saturday Sunday'),
      ...cycleOf('spring summer autumn winter'),
    ]),
    statements: [
      (subject, answer) => `After ${subject} comes ${answer}.`,
      (subject, answer) => `${answer} follows ${subject}.`,
    ],
    questions: [(subject) => `What comes after ${subject}?`, (subject) => `What follows ${subject}?`],
  },
  {
    name: 'job',
    facts: personal('job'),
    statements: [
      (subject, answer) => `${subject} is ${withArticle(answer)}.`,
      (subject, answer) => `By work ${subject} is ${withArticle(answer)}.`,
    ],
    questions: [(subject) => `What is the job of ${subject}?`, (subject) => `What is ${subject} by work?`],
  },
  {
    name: 'pet',
    facts: personal('pet'),
    statements: [
      (subject, answer) => `The pet of ${subject} is ${withArticle(answer)}.`,
      (subject, answer) => `${subject} has ${withArticle(answer)} at home.`,
    ],
    questions: [(subject) => `What is the pet of ${subject}?`, (subject) => `Which pet has ${subject}?`],
  },
  {
    name: 'house',
    facts: personal('house'),
    statements: [
      (subject, answer) => `The house of ${subject} is ${answer}.`,
      (subject, answer) => `${subject} lives in the ${answer} house.`,
    ],
    questions: [
      (subject) => `What colour is the house of ${subject}?`,
      (subject) => `Which house does ${subject} live in?`,
    ],
  },
  {
    name: 'meal',
    facts: personal('food'),
    statements: [
      (subject, answer) => `${subject} likes ${answer}.`,
      (subject, answer) => `The best food for ${subject} is ${answer}.`,
    ],
    questions: [(subject) => `What does ${subject} like to eat?`, (subject) => `What is the best food for ${subject}?`],
  },
];

/** Every fact beside the relation that it is of: its subject and its answer. */
export const facts: readonly (readonly [relation: Relation, fact: readonly [subject: string, answer: string]])[] =
  relations.flatMap((relation) => Array.from(relation.facts, (fact) => [relation, fact] as const));
