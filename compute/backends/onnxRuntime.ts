import './withoutTelemetry.ts';

/** ONNX Runtime for Node, as it is but for its telemetry: nothing of ours imports the package itself. */
export * from 'onnxruntime-node';
