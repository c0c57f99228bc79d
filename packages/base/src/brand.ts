/**
 * Numbers that must not be mixed up. A branded number is a plain number at run time; the brand exists only for
 * the compiler. The constructors are the one place where a plain number becomes a branded one, and they check it.
 */
import { assert } from './assert.ts'

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Position of a record in a partition: 0 … 2^53 − 1. −1 stands for "none" where Kafka's protocol says so. */
export type Offset = Brand<number, 'Offset'>
/** Rises by one with every leader of a partition; −1 when unknown. */
export type LeaderEpoch = Brand<number, 'LeaderEpoch'>
/** Id of a broker or controller: 0 … 2^31 − 1, −1 for "none". */
export type NodeId = Brand<number, 'NodeId'>
/** Milliseconds since 1970-01-01 UTC; −1 for "none". Only ever compared with other wall clock times. */
export type TimestampMs = Brand<number, 'TimestampMs'>

export function offset(value: number): Offset {
  assert(Number.isSafeInteger(value) && value >= -1, `offset out of range: ${value}`)
  return value as Offset
}

export function leaderEpoch(value: number): LeaderEpoch {
  assert(Number.isInteger(value) && value >= -1 && value <= 0x7fffffff, `leader epoch out of range: ${value}`)
  return value as LeaderEpoch
}

export function nodeId(value: number): NodeId {
  assert(Number.isInteger(value) && value >= -1 && value <= 0x7fffffff, `node id out of range: ${value}`)
  return value as NodeId
}

export function timestampMs(value: number): TimestampMs {
  assert(Number.isSafeInteger(value), `timestamp out of range: ${value}`)
  return value as TimestampMs
}

export const NO_OFFSET = -1 as Offset
export const NO_LEADER_EPOCH = -1 as LeaderEpoch
export const NO_NODE = -1 as NodeId
export const NO_TIMESTAMP = -1 as TimestampMs
