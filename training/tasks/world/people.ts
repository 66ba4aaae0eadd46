/** Somebody in the world: the word that stands for them in a second sentence, and what is known of them. */
export interface Person {
  readonly name: string;
  readonly pronoun: 'he' | 'she';
  readonly job: string;
  readonly pet: string;
  readonly house: string;
  readonly food: string;
}

// The lists are short, and their words too: a model of a million parameters should spend its training on sums, facts
// and functions, not on the spelling.

/** Everybody. */
export const people: readonly Person[] = [
  { name: 'Ann', pronoun: 'she', job: 'baker', pet: 'cat', house: 'red', food: 'soup' },
  { name: 'Ben', pronoun: 'he', job: 'farmer', pet: 'dog', house: 'green', food: 'bread' },
  { name: 'Eva', pronoun: 'she', job: 'doctor', pet: 'duck', house: 'white', food: 'rice' },
  { name: 'Ivy', pronoun: 'she', job: 'pilot', pet: 'parrot', house: 'blue', food: 'cake' },
  { name: 'Leo', pronoun: 'he', job: 'cook', pet: 'mouse', house: 'yellow', food: 'fish' },
  { name: 'Max', pronoun: 'he', job: 'sailor', pet: 'frog', house: 'grey', food: 'cheese' },
  { name: 'Mia', pronoun: 'she', job: 'teacher', pet: 'rabbit', house: 'pink', food: 'pears' },
  { name: 'Sam', pronoun: 'he', job: 'painter', pet: 'horse', house: 'black', food: 'beans' },
  { name: 'Tom', pronoun: 'he', job: 'singer', pet: 'hen', house: 'brown', food: 'nuts' },
  { name: 'Zoe', pronoun: 'she', job: 'judge', pet: 'snake', house: 'orange', food: 'salad' },
];
