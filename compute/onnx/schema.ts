import protobuf from 'protobufjs';

/**
 * The part of ONNX's onnx.proto3 that a compiled graph needs, with the field numbers of the specification
 * (github.com/onnx/onnx, onnx/onnx.proto).
 */
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  package onnx;
  message AttributeProto { string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
  message NodeProto {
    repeated string input = 1; repeated string output = 2; string op_type = 4;
    repeated AttributeProto attribute = 5; string domain = 7;
  }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Dimension { int64 dim_value = 1; }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message TensorType { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message TypeProto { TensorType tensor_type = 1; }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto {
    repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
  }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message ModelProto { int64 ir_version = 1; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; }
  `,
  { keepCase: true },
);
const modelProto = root.lookupType('onnx.ModelProto');

/** ONNX's element type numbers (TensorProto.DataType). */
export const elementType = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 } as const;

/** One of ONNX's element type numbers. */
export type ElementType = (typeof elementType)[keyof typeof elementType];

/** AttributeProto: a number or a list of them. */
export interface OnnxAttribute {
  readonly name: string;
  /** AttributeProto.AttributeType: 2 INT, 7 INTS. */
  readonly type: 2 | 7;
  readonly i?: number;
  readonly ints?: readonly number[];
}

/** NodeProto: an operator on named values. */
export interface OnnxNode {
  readonly op_type: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
  readonly domain?: string;
}

/** TensorProto: a named constant. */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data_type: ElementType;
  readonly raw_data: Uint8Array;
}

/** ValueInfoProto: a named input or output and its type. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elementType: ElementType;
}

/** GraphProto. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** The bytes of an ONNX model: IR version 9, operator set 18, and ONNX Runtime's own operators. */
export function encodeModel({ nodes, initializers, inputs, outputs }: OnnxGraph): Uint8Array {
  const model = {
    ir_version: 9,
    opset_import: [
      { domain: '', version: 18 },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'lambdamax',
      node: nodes,
      initializer: initializers,
      input: inputs.map(valueInfo),
      output: outputs.map(valueInfo),
    },
  };
  return modelProto.encode(modelProto.fromObject(model)).finish();
}

function valueInfo({ name, shape, elementType: elem_type }: OnnxValue) {
  return { name, type: { tensor_type: { elem_type, shape: { dim: shape.map((dim_value) => ({ dim_value })) } } } };
}
