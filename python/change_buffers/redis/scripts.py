"""What runs inside Redis, each script as one step.

A room is seven keys under one hash tag, so they are on one node of a cluster:

* `state`, a hash: `epoch`, `version`, `token` of the last entry, `frozen`, and what the other keys
  are checked against.
* `content`, a hash: key -> encoded value.
* `stream`: one entry an update, `<version>-0`.
* `versions`, a hash: key -> version of its last change.
* `owners`, a hash: key -> publisher whose last change it was.
* `writers`, a hash: process -> number and version of its last update, so that a retry is
recognised.
* `beats`, a hash: process -> a count that goes on as long as it is there.

Nothing here reads a clock: neither that of Redis nor that of a host can be trusted to go forward.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

KEYS = ("state", "content", "stream", "versions", "owners", "writers", "beats")

# Lua's `unpack` takes some 8,000 values at most; Redis' own limit is lower in places.
_COMMON = """
local STATE, CONTENT, STREAM, VERSIONS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local OWNERS, WRITERS, BEATS = KEYS[5], KEYS[6], KEYS[7]
local CHUNK = 2000

local function text(number)
  return string.format('%.0f', number)
end

local function in_chunks(command, key, list)
  for first = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
end

local function look_up(key, names)
  local found = {}
  for first = 1, #names, CHUNK do
    local last = math.min(first + CHUNK - 1, #names)
    local part = redis.call('HMGET', key, unpack(names, first, last))
    for place = 1, last - first + 1 do
      found[first + place - 1] = part[place]
    end
  end
  return found
end

local function note(room)
  redis.call('HSET', STATE, 'epoch', room.epoch, 'version', text(room.version),
    'token', room.token, 'horizon', text(room.horizon),
    'keys', redis.call('HLEN', CONTENT), 'dated', redis.call('HLEN', VERSIONS),
    'owned', redis.call('HLEN', OWNERS))
end

-- Whatever was known is not to be relied on: from here on it is another history. Its versions are
-- later than any that the caller has seen, so nobody's go back.
local function renew(room, fresh, known)
  redis.call('XLEN', STREAM)  -- an error if it is something else, which is not ours to delete
  redis.call('HLEN', BEATS)
  room.version = math.max(known, room.version) + 1
  room.epoch, room.token, room.horizon = fresh, fresh, room.version
  redis.call('DEL', STREAM, VERSIONS)
  -- Those of whose process nothing is known any more: if it is there it will say so.
  local owners = redis.call('HVALS', OWNERS)
  for _, owner in ipairs(owners) do
    redis.call('HSETNX', BEATS, string.match(owner, '^[^/]*'), 'lost')
  end
  note(room)
end

-- The room as it is, if that can be what the caller knows, or what became of it; else a new epoch.
local function open(fresh, epoch, known, token)
  known = tonumber(known)
  local found = redis.call('HMGET', STATE, 'epoch', 'version', 'token', 'frozen', 'horizon',
    'keys', 'dated', 'owned')
  local room = {
    epoch = found[1], version = tonumber(found[2] or -1), token = found[3],
    frozen = found[4] == '1', horizon = tonumber(found[5] or -1),
  }
  local keys, dated = redis.call('HLEN', CONTENT), redis.call('HLEN', VERSIONS)
  room.owned = redis.call('HLEN', OWNERS)
  local is_whole = room.epoch and room.version and room.horizon
    and keys == tonumber(found[6]) and dated == tonumber(found[7])
    and room.owned == tonumber(found[8])
  local is_known = is_whole and (
    room.epoch == epoch and (room.version > known or room.version == known and room.token == token)
    or room.epoch ~= epoch and room.version > known)
  if not is_known then
    room.version, room.horizon = room.version or -1, room.horizon or -1
    renew(room, fresh, known)
  end
  return room
end

-- Somebody else's entries are in the way if this fails.
local function add_entry(room, limit, fresh, fields)
  local function add()
    return redis.pcall('XADD', STREAM, 'MAXLEN', '~', limit, text(room.version) .. '-0',
      'epoch', room.epoch, 'token', room.token, 'after', room.after, unpack(fields))
  end
  local added = add()
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then
      error(added.err)
    end
    renew(room, fresh, room.version)
    room.after = room.token
    room.token = fresh .. '+'
    room.version = room.version + 1
    redis.call('XADD', STREAM, 'MAXLEN', '~', limit, text(room.version) .. '-0',
      'epoch', room.epoch, 'token', room.token, 'after', room.after, unpack(fields))
  end
end
"""

_WRITE = """
-- fresh epoch token version origin number limit kind since change owners leaves since_epoch
local fresh, origin, number, limit, kind = ARGV[1], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local since = tonumber(ARGV[9])
local room = open(fresh, ARGV[2], ARGV[4], ARGV[3])

local last = redis.call('HGET', WRITERS, origin)
if last then
  local done, version = string.match(last, '^(%d+) (%d+)$')
  if done and tonumber(done) >= number then
    return {'done', version, room.epoch}
  end
end
if room.frozen then
  return {'frozen', text(room.version)}
end

local change = cmsgpack.unpack(ARGV[10])
local updates, removals = change[1], change[2]
local owners = ARGV[11] ~= '' and cmsgpack.unpack(ARGV[11]) or nil
local leaves = ARGV[12] ~= '' and cmsgpack.unpack(ARGV[12]) or nil

local names = {}
for place = 1, #updates, 2 do names[#names + 1] = updates[place] end
local set = #names
for _, key in ipairs(removals) do names[#names + 1] = key end

local before = {}
if room.owned > 0 then
  before = look_up(OWNERS, names)
  local owned = {}
  for place, owner in ipairs(before) do
    local by = owners and owners[place]
    if owner and string.sub(owner, -1) == 'x' and owner ~= by then
      owned[#owned + 1] = names[place]
    end
  end
  if #owned > 0 then
    return {'owned', text(room.version), owned}
  end
end
if since then
  local conflicts = {}
  for place, version in ipairs(look_up(VERSIONS, names)) do
    if ARGV[13] ~= room.epoch or (tonumber(version or room.horizon) or room.horizon) > since then
      conflicts[#conflicts + 1] = names[place]
    end
  end
  if #conflicts > 0 then
    return {'conflict', text(room.version), conflicts}
  end
end

-- The keys of publishers that leave, as far as they still are theirs.
local left = {}
if leaves and room.owned > 0 then
  local named = {}
  for _, key in ipairs(names) do named[key] = true end
  for _, leave in ipairs(leaves) do
    local publisher = table.remove(leave, 1)
    for place, owner in ipairs(look_up(OWNERS, leave)) do
      if owner == publisher and not named[leave[place]] then
        left[#left + 1] = leave[place]
      end
    end
  end
end
if #names == 0 and #left == 0 and kind ~= 'freeze' then
  redis.call('HSET', WRITERS, origin, text(number) .. ' ' .. text(room.version))
  return {'nothing', text(room.version), room.epoch}
end

room.after, room.token = room.token, origin .. ':' .. text(number)
room.version = room.version + 1
local fields = {'change', ARGV[10]}
if #left > 0 then
  fields[3], fields[4] = 'left', cmsgpack.pack(left)
end
local claims = {}
if owners then
  for place = 1, set do
    if owners[place] and string.sub(owners[place], -1) == 'x' then
      claims[#claims + 1] = names[place]
      claims[#claims + 1] = owners[place]
    end
  end
end
if #claims > 0 then
  fields[#fields + 1] = 'claims'
  fields[#fields + 1] = cmsgpack.pack(claims)
end
if kind == 'freeze' then
  fields[#fields + 1] = 'freeze'
  fields[#fields + 1] = '1'
end
add_entry(room, limit, fresh, fields)

local version = text(room.version)
in_chunks('HSET', CONTENT, updates)
local dated, owning, free = {}, {}, {}
for place = 1, set do
  dated[#dated + 1] = names[place]
  dated[#dated + 1] = version
  local by = owners and owners[place]
  if by then
    owning[#owning + 1] = names[place]
    owning[#owning + 1] = by
  elseif before[place] then
    free[#free + 1] = names[place]
  end
end
in_chunks('HSET', VERSIONS, dated)
in_chunks('HSET', OWNERS, owning)
in_chunks('HDEL', OWNERS, free)
for _, gone in ipairs({removals, left}) do
  if #gone > 0 then
    in_chunks('HDEL', CONTENT, gone)
    in_chunks('HDEL', VERSIONS, gone)
    if room.owned > 0 or owners then in_chunks('HDEL', OWNERS, gone) end
    room.horizon = room.version
  end
end
if owners then
  redis.call('HSETNX', BEATS, origin, 'lost')
end
if kind == 'freeze' then
  redis.call('HSET', STATE, 'frozen', '1')
end
redis.call('HSET', WRITERS, origin, text(number) .. ' ' .. version)
note(room)
return {'done', version, room.epoch}
"""

_EXAMINE = """
-- fresh epoch token version origin count diverged
local fresh = ARGV[1]
-- Errors, before anything is written, if one of them is something else.
redis.call('XLEN', STREAM)
redis.call('HLEN', WRITERS)
redis.call('HLEN', BEATS)
local room = open(fresh, ARGV[2], ARGV[4], ARGV[3])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local is_another = redis.call('HGET', STATE, 'run') ~= run
if room.epoch ~= fresh then
  local last = redis.call('XREVRANGE', STREAM, '+', '-', 'COUNT', 1)[1]
  local version, rest = string.match(last and last[1] or '0-0', '^(%d+)-(%d+)$')
  local is_foreign = tonumber(version) > room.version or rest ~= '0'
  if is_foreign or is_another or ARGV[7] == '1' then
    renew(room, fresh, tonumber(ARGV[4]))
  end
end
if is_another then
  redis.call('HSET', STATE, 'run', run)
end
redis.call('HSET', BEATS, ARGV[5], ARGV[6])
return {room.epoch, text(room.version), room.token}
"""

_REAP = """
-- fresh epoch token version dead count limit name
local fresh, dead = ARGV[1], ARGV[5]
if redis.call('HGET', BEATS, dead) ~= ARGV[6] then
  return 0
end
local room = open(fresh, ARGV[2], ARGV[4], ARGV[3])
redis.call('HDEL', BEATS, dead)
local owners = redis.call('HGETALL', OWNERS)
local gone = {}
for place = 1, #owners, 2 do
  if string.match(owners[place + 1], '^[^/]*') == dead then
    gone[#gone + 1] = owners[place]
  end
end
in_chunks('HDEL', OWNERS, gone)
if #gone > 0 and not room.frozen then
  room.after, room.token = room.token, ARGV[8]
  room.version = room.version + 1
  add_entry(room, ARGV[7], fresh, {'left', cmsgpack.pack(gone)})
  in_chunks('HDEL', CONTENT, gone)
  in_chunks('HDEL', VERSIONS, gone)
  room.horizon = room.version
end
note(room)
-- Of those that went without a word, what they wrote last is kept for a while: they may come back.
if redis.call('HLEN', WRITERS) > 1000 then
  for _, writer in ipairs(redis.call('HKEYS', WRITERS)) do
    if redis.call('HEXISTS', BEATS, writer) == 0 then redis.call('HDEL', WRITERS, writer) end
  end
end
return 1
"""


@dataclass(frozen=True)
class Script:
    """A script and the name by which Redis knows it."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.source.encode()).hexdigest())


WRITE = Script(_COMMON + _WRITE)
EXAMINE = Script(_COMMON + _EXAMINE)
REAP = Script(_COMMON + _REAP)
