/** Single faults by name, done to a cluster that runs: each is begun by one command and undone by another. */
import { type ChaosTarget, restartAll } from './chaos-target.ts'
import type { FaultKind } from './fault.ts'

/** Whoever writes a history wants to know. */
export interface HandEvents {
  began(kind: FaultKind, node: string | null): void
  ended(kind: FaultKind, node: string | null): void
}

interface HandCommand {
  /** Names of its arguments. */
  readonly takes: readonly string[]
  readonly about: string
}

/** A command that makes no sense here. */
export class HandError extends Error {
  override readonly name = 'HandError'
}

export const HAND_COMMANDS = {
  status: { takes: [], about: 'every node, and whether it runs' },
  kill: { takes: ['NODE'], about: 'SIGKILL' },
  stop: { takes: ['NODE'], about: 'SIGTERM' },
  start: { takes: ['NODE'], about: 'starts it again' },
  wipe: { takes: ['NODE'], about: 'empties its disk; it must not run' },
  pause: { takes: ['NODE'], about: 'SIGSTOP' },
  resume: { takes: ['NODE'], about: 'SIGCONT' },
  cut: { takes: ['FROM', 'TO'], about: 'nothing passes between the two any more' },
  'cut-oneway': { takes: ['FROM', 'TO'], about: 'what FROM sends to TO is lost' },
  isolate: { takes: ['NODE'], about: 'nothing passes between it and any other node' },
  slow: { takes: ['NODE'], about: 'its links to other nodes are slow and narrow' },
  fill: { takes: ['NODE'], about: 'its disk is full' },
  free: { takes: ['NODE'], about: 'its disk has room again' },
  clock: { takes: ['NODE', 'SECONDS'], about: 'its wall clock is ahead by so much; 0: right again' },
  heal: { takes: [], about: 'no link is cut or slow any more' },
  'restart-all': { takes: [], about: 'SIGKILL to all nodes at once, all started again' },
} as const satisfies Readonly<Record<string, HandCommand>>

export type HandCommandName = keyof typeof HAND_COMMANDS

export function isHandCommand(name: string): name is HandCommandName {
  return Object.hasOwn(HAND_COMMANDS, name)
}

/** @throws HandError when the number of arguments is wrong */
export function requireArguments(name: HandCommandName, args: readonly string[]): void {
  const { takes } = HAND_COMMANDS[name]
  if (args.length === takes.length) return
  const expected = takes.length === 0 ? 'nothing' : takes.join(' ')
  throw new HandError(`${name} takes ${expected}, not '${args.join(' ')}'`)
}

export class Hand {
  readonly #target: ChaosTarget
  readonly #events: HandEvents
  /** What links suffer from at the moment. */
  readonly #onLinks = new Map<string, readonly [FaultKind, string]>()

  constructor(target: ChaosTarget, events: HandEvents) {
    this.#target = target
    this.#events = events
  }

  /**
   * @returns what to tell
   * @throws HandError when it can't be done; whatever the target throws when it went wrong
   */
  async do(name: HandCommandName, args: readonly string[]): Promise<string> {
    requireArguments(name, args)
    const states = await this.#target.states()
    const isNode = (arg: string, at: number): boolean =>
      HAND_COMMANDS[name].takes[at] !== 'SECONDS' && arg !== ''
    for (const node of args.filter(isNode))
      if (!states.has(node))
        throw new HandError(`there is no node '${node}', only ${[...states.keys()].join(', ')}`)
    const [first = '', second = ''] = args
    this.#require(name, first, states.get(first))
    await this.#do(name, first, second)
    return statusText(await this.#target.states())
  }

  #require(name: HandCommandName, node: string, state: string | undefined): void {
    const needed: Partial<Record<HandCommandName, readonly (string | undefined)[]>> = {
      kill: ['running', 'paused'],
      stop: ['running'],
      start: ['down'],
      wipe: ['down'],
      pause: ['running'],
      resume: ['paused'],
    }
    if (needed[name]?.includes(state) === false) throw new HandError(`${node} is ${state}`)
    const kinds: Partial<Record<HandCommandName, FaultKind>> = {
      wipe: 'wipe',
      'cut-oneway': 'oneway',
      slow: 'slow',
      fill: 'full-disk',
      clock: 'clock',
    }
    const kind = kinds[name]
    const reason = kind === undefined ? undefined : this.#target.missing.get(kind)
    if (reason !== undefined) throw new HandError(`${name} can't be done here: ${reason}`)
  }

  async #do(name: HandCommandName, node: string, second: string): Promise<void> {
    const target = this.#target
    switch (name) {
      case 'status':
        return
      case 'kill':
      case 'stop':
      case 'pause':
      case 'wipe':
        this.#events.began(name, node)
        return target[name](node)
      case 'start':
        await target.start(node)
        for (const kind of ['kill', 'stop', 'wipe'] as const) this.#events.ended(kind, node)
        return
      case 'resume':
        await target.resume(node)
        return this.#events.ended('pause', node)
      case 'fill':
        this.#events.began('full-disk', node)
        return target.fillDisk(node)
      case 'free':
        await target.freeDisk(node)
        return this.#events.ended('full-disk', node)
      case 'clock':
        return this.#setClock(node, second)
      case 'restart-all':
        this.#events.began('restart-all', null)
        await restartAll(target)
        return this.#events.ended('restart-all', null)
      case 'cut':
      case 'cut-oneway':
      case 'isolate':
      case 'slow':
        return this.#spoilLinks(name, node, second)
      case 'heal':
        await target.heal()
        for (const [kind, about] of this.#onLinks.values()) this.#events.ended(kind, about)
        this.#onLinks.clear()
    }
  }

  async #setClock(node: string, seconds: string): Promise<void> {
    const skewMs = Number(seconds) * 1000
    if (!Number.isSafeInteger(skewMs)) throw new HandError(`'${seconds}' is no number of seconds`)
    if (skewMs !== 0) this.#events.began('clock', node)
    await this.#target.setClock(node, skewMs)
    if (skewMs === 0) this.#events.ended('clock', node)
  }

  async #spoilLinks(
    name: 'cut' | 'cut-oneway' | 'isolate' | 'slow',
    from: string,
    to: string,
  ): Promise<void> {
    const target = this.#target
    const kind = name === 'slow' ? 'slow' : name === 'cut-oneway' ? 'oneway' : 'partition'
    const about = to === '' ? from : `${from} → ${to}`
    this.#events.began(kind, about)
    this.#onLinks.set(`${kind} ${about}`, [kind, about])
    if (name === 'slow') return target.slow(from)
    if (name === 'isolate') return target.isolate(from, false)
    await target.cut(from, to)
    if (name === 'cut') await target.cut(to, from)
  }
}

function statusText(states: ReadonlyMap<string, string>): string {
  return [...states].map(([name, state]) => `${name} ${state}`).join('\n')
}
