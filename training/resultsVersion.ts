/**
 * The version of what is computed, apart from the package's: it is raised by every change after which the same run or spectrum
 * comes out otherwise. Results of another version are not found again, and a study of another is not continued.
 */
export const resultsVersion = 2;
