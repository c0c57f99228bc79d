/** A producer with several sends in flight; per key they reach the log in order. */
import type { LineType, Value } from '../../src/index.ts'
import type { Actor, World } from './world.ts'

interface InFlight {
  readonly key: string
  readonly value: Value
}

const IN_FLIGHT_MAX = 5

export class ProducerActor implements Actor {
  readonly #world: World
  readonly #name: string
  #proc: string
  #crashes = 0
  #inFlight: InFlight[] = []
  /** Given up by the client, and still on its way to the log. */
  #late: InFlight[] = []

  constructor(world: World, name: string) {
    this.#world = world
    this.#name = name
    this.#proc = name
  }

  act(): void {
    const { chance } = this.#world
    if (this.#inFlight.length < IN_FLIGHT_MAX && chance(50)) this.#send()
    else if (chance(3)) this.#crash()
    else this.#endOne()
  }

  finish(): void {
    while (this.#inFlight.length > 0) this.#endOne()
  }

  #send(): void {
    const { script, key, nextValue } = this.#world
    const send = { key: key(), value: nextValue() }
    this.#inFlight.push(send)
    script.add(this.#proc, 'send', 'invoke', [['s', send.key, null, send.value]])
  }

  /** The oldest one of some key ends. */
  #endOne(): void {
    const { rng, chance } = this.#world
    if (this.#inFlight.length === 0) return
    const { key } = this.#inFlight[rng.below(this.#inFlight.length)]!
    const send = this.#inFlight.find((candidate) => candidate.key === key)!
    this.#inFlight.splice(this.#inFlight.indexOf(send), 1)
    if (chance(10)) this.#write(send, 'fail', null, 'MESSAGE_TOO_LARGE')
    else if (chance(11)) {
      if (chance(50)) this.#late.push(send)
      this.#write(send, 'info', null, 'REQUEST_TIMED_OUT')
    } else {
      const offset = this.#append(send)
      if (chance(10)) this.#write(send, 'info', null, 'NETWORK_EXCEPTION')
      else this.#write(send, 'ok', chance(90) ? offset : null)
    }
  }

  #write({ key, value }: InFlight, type: LineType, offset: number | null, err?: string): void {
    const extras = err === undefined ? {} : { err }
    this.#world.script.add(this.#proc, 'send', type, [['s', key, offset, value]], extras)
  }

  #append({ key, value }: InFlight): number {
    const { logs, mode, chance } = this.#world
    const log = logs.get(key)!
    for (const late of this.#late) if (late.key === key) log.append(late.value)
    this.#late = this.#late.filter((late) => late.key !== key)
    const offset = log.append(value)
    // The answer was lost: who may repeat itself stores the record again.
    if (!mode.idempotent && chance(10)) log.append(value)
    return offset
  }

  #crash(): void {
    const { chance, script } = this.#world
    for (const send of this.#inFlight) {
      if (!chance(50)) break
      this.#append(send)
    }
    this.#inFlight = []
    this.#late = []
    script.add(this.#proc, 'crash', 'info', [])
    this.#crashes += 1
    this.#proc = `${this.#name}-${this.#crashes}`
  }
}
