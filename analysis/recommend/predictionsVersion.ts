/**
 * The version of what predictors say, apart from that of runs and spectra: it is raised by every change after which a predictor
 * recommends another learning rate. What a study was told by another version is asked anew, and its runs are kept.
 */
export const predictionsVersion = 2;
