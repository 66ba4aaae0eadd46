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

/** All that the world knows: some 350 facts. */
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
        'a fruit': 'apple pear plum lemon banana',
        'a vegetable': 'carrot onion bean potato',
        'an animal': 'dog cow lion horse',
        'a tool': 'hammer saw axe drill',
        'an instrument': 'drum flute piano violin',
        'a vehicle': 'car bus train truck',
        'a flower': 'rose tulip lily daisy',
        'a tree': 'oak pine elm palm',
        'a bird': 'eagle owl crow swan',
        'a house': 'hut castle tower cabin',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} is ${answer}.`,
      (subject, answer) => `Look: ${subject}. It is ${answer}.`,
    ],
    questions: [(subject) => `What is ${subject}?`, (subject) => `What kind of thing is ${subject}?`],
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
        flour: 'cake bread',
        wool: 'sock scarf',
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
        'in the sea': 'shark whale crab',
        'in a nest': 'crow swan eagle',
        'in a hive': 'bee wasp',
        'in a cave': 'bear bat',
        'on a farm': 'cow pig hen sheep',
        'in the desert': 'camel lizard',
        'in the jungle': 'monkey parrot tiger',
        'in a hole': 'rabbit fox mouse',
        'on the ice': 'penguin seal',
        'in the forest': 'deer wolf owl',
        'in a pond': 'frog duck',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} lives ${answer}.`,
      (subject, answer) => `One finds ${subject} ${answer}.`,
    ],
    questions: [(subject) => `Where does ${subject} live?`, (subject) => `Where does one find ${subject}?`],
  },
  {
    name: 'food',
    facts: factsOf(
      {
        grass: 'cow sheep horse',
        meat: 'lion wolf tiger',
        fish: 'seal penguin shark',
        seeds: 'hen crow',
        leaves: 'deer camel',
        flies: 'spider frog lizard',
        bones: 'dog',
        nuts: 'monkey parrot',
        honey: 'bear bee',
        cheese: 'mouse',
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
        'no legs': 'snake whale shark worm',
        'two legs': 'hen duck owl penguin',
        'four legs': 'dog cow lion horse camel',
        'six legs': 'bee ant wasp beetle',
        'eight legs': 'spider tick',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} has ${answer}.`,
      (subject, answer) => `Of legs, ${subject} has ${answer}.`,
    ],
    questions: [(subject) => `How many legs has ${subject}?`, (subject) => `How many legs does ${subject} walk on?`],
  },
  {
    name: 'use',
    facts: factsOf(
      {
        'to cut': 'knife saw axe',
        'to write': 'pen pencil',
        'to clean': 'broom mop sponge',
        'to open doors': 'key',
        'to give light': 'lamp candle torch',
        'to sleep': 'bed pillow',
        'to sit': 'chair bench sofa',
        'to drink': 'cup glass mug',
        'to eat': 'fork spoon plate',
        'to cook': 'stove pan oven',
        'to tell time': 'clock watch',
        'to stay warm': 'coat scarf blanket',
        'to travel': 'car bus train boat',
        'to play': 'ball doll kite',
        'to carry': 'bag basket box',
        'to measure': 'ruler scale',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} is used ${answer}.`,
      (subject, answer) => `One needs ${subject} ${answer}.`,
    ],
    questions: [(subject) => `What is ${subject} used for?`, (subject) => `For what does one need ${subject}?`],
  },
  {
    name: 'work',
    facts: factsOf(
      {
        'bakes bread': 'baker',
        'grows food': 'farmer',
        'heals people': 'doctor nurse',
        'flies planes': 'pilot',
        'makes meals': 'cook chef',
        'sails ships': 'sailor captain',
        'teaches children': 'teacher',
        'paints pictures': 'painter artist',
        'sings songs': 'singer',
        'sews clothes': 'tailor',
        'builds houses': 'builder mason',
        'puts out fires': 'fireman',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} ${answer}.`,
      (subject, answer) => `The work of ${subject}: one who ${answer}.`,
    ],
    questions: [(subject) => `What does ${subject} do?`, (subject) => `What is the work of ${subject}?`],
  },
  {
    name: 'workplace',
    facts: factsOf(
      {
        'in a bakery': 'baker',
        'in a school': 'teacher',
        'in a hospital': 'doctor nurse',
        'in a kitchen': 'cook chef',
        'in a field': 'farmer',
        'in a plane': 'pilot',
        'on a ship': 'sailor captain',
        'in a court': 'judge lawyer',
        'in a bank': 'banker',
        'in a mine': 'miner',
        'on a stage': 'singer actor',
      },
      withArticle,
    ),
    statements: [
      (subject, answer) => `${subject} works ${answer}.`,
      (subject, answer) => `One meets ${subject} ${answer}.`,
    ],
    questions: [(subject) => `Where does ${subject} work?`, (subject) => `Where does one meet ${subject}?`],
  },
  {
    name: 'opposite',
    facts: pairsOf(
      'hot-cold big-small up-down day-night happy-sad old-young wet-dry open-closed full-empty fast-slow hard-soft high-low ' +
        'long-short rich-poor light-heavy left-right near-far early-late clean-dirty loud-quiet sweet-sour thick-thin wide-narrow ' +
        'strong-weak first-last good-bad',
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
      ...cycleOf('January February March April May June July August September October November December'),
    ]),
    statements: [
      (subject, answer) => `After ${subject} comes ${answer}.`,
      (subject, answer) => `${answer} follows ${subject}.`,
    ],
    questions: [(subject) => `What comes after ${subject}?`, (subject) => `What follows ${subject}?`],
  },
  {
    name: 'job',
    facts: new Map(people.map(({ name, job }) => [name, withArticle(job)])),
    statements: [
      (subject, answer) => `${subject} is ${answer}.`,
      (subject, answer) => `By work ${subject} is ${answer}.`,
    ],
    questions: [(subject) => `What is the job of ${subject}?`, (subject) => `What is ${subject} by work?`],
  },
  {
    name: 'pet',
    facts: new Map(people.map(({ name, pet }) => [name, withArticle(pet)])),
    statements: [
      (subject, answer) => `The pet of ${subject} is ${answer}.`,
      (subject, answer) => `${subject} has ${answer} at home.`,
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
