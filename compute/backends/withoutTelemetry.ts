/**
 * ONNX Runtime reports to its makers by default: it looks up a host of theirs, keeps a device's number and a database of events
 * under ~/.cache, and leaves a log in the temporary folder. This turns all of it off, wherever the native library is loaded
 * afterwards, which reads the variable of the process; so this module is imported before it.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
