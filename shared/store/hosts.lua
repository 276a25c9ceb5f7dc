-- The host governor's operations. KEYS: slots, opens, line, expected of each host named, in this order.
-- ARGV: operation, now ('' = ask this server), its arguments. Times are Unix seconds.
local clock = redis.call('TIME')
local now = tonumber(ARGV[2]) or clock[1] + clock[2] / 1e6

-- How long a key outlives its last use, so that it never goes before the state in it has lost all meaning.
local MARGIN_SECONDS = 60

local function precise(number)
  return string.format('%.17g', number)
end

local function host(number)
  local first = 4 * (number - 1)
  return {slots = KEYS[first + 1], opens = KEYS[first + 2], line = KEYS[first + 3], expected = KEYS[first + 4]}
end

local function keep_until(key, at)
  redis.call('PEXPIRE', key, math.ceil((at - now + MARGIN_SECONDS) * 1000))
end

local function close_until(at_host, at)
  redis.call('SET', at_host.opens, precise(at))
  keep_until(at_host.opens, at)
end

local function opens(at_host)
  return math.max(now, tonumber(redis.call('GET', at_host.opens) or now))
end

local function expected(at_host, who)
  return tonumber(redis.call('ZSCORE', at_host.expected, who))
end

-- At most so many at once, to hold up nobody; the rest follows with the next call.
local function strike_late(at_host, late_seconds)
  local late = redis.call('ZRANGEBYSCORE', at_host.expected, '-inf', precise(now - late_seconds), 'LIMIT', 0, 1000)
  if #late == 0 then return end
  redis.call('ZREM', at_host.line, unpack(late))
  redis.call('ZREM', at_host.expected, unpack(late))
end

local function start(at_host, who, token, gap, slot_seconds)
  redis.call('ZREM', at_host.line, who)
  redis.call('ZREM', at_host.expected, who)
  redis.call('ZADD', at_host.slots, precise(now + slot_seconds), token)
  keep_until(at_host.slots, now + slot_seconds)
  close_until(at_host, now + gap)
end

-- The earliest time at which who stands behind `ahead` others could get in, and never before the one before it.
local function turn_of(at_host, ahead, full, gap)
  local at = math.max(opens(at_host), full and now + gap or now) + gap * ahead
  if ahead == 0 then return at end
  local before = redis.call('ZRANGE', at_host.line, ahead - 1, ahead - 1)[1]
  return math.max(at, expected(at_host, before) + gap)
end

local function line_up(at_host, who, at)
  local last = redis.call('ZRANGE', at_host.line, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', at_host.line, 'NX', (last or 0) + 1, who)
  redis.call('ZADD', at_host.expected, precise(at), who)
  local latest = redis.call('ZRANGE', at_host.expected, -1, -1, 'WITHSCORES')[2]
  keep_until(at_host.line, tonumber(latest))
  keep_until(at_host.expected, tonumber(latest))
end

local function enter(at_host, who, token, concurrent, gap, slot_seconds, late_seconds)
  redis.call('ZREMRANGEBYSCORE', at_host.slots, '-inf', precise(now))
  -- The same question again: the answer was lost with the connection.
  if redis.call('ZSCORE', at_host.slots, token) then return 0 end
  strike_late(at_host, late_seconds)
  local full = redis.call('ZCARD', at_host.slots) >= concurrent
  local ahead = redis.call('ZRANK', at_host.line, who) or redis.call('ZCARD', at_host.line)
  if ahead == 0 and not full and opens(at_host) <= now then
    start(at_host, who, token, gap, slot_seconds)
    return 0
  end
  local at = turn_of(at_host, ahead, full, gap)
  line_up(at_host, who, at)
  return at - now
end

local operations = {}

-- After these four, `who` and `token` for each host.
function operations.enter(concurrent, gap, slot_seconds, late_seconds)
  local waits = {}
  for number = 1, #KEYS / 4 do
    local who, token = ARGV[5 + 2 * number], ARGV[6 + 2 * number]
    local wait = enter(
      host(number), who, token, tonumber(concurrent), tonumber(gap), tonumber(slot_seconds), tonumber(late_seconds)
    )
    table.insert(waits, precise(wait))
  end
  return waits
end

function operations.slow_down(seconds)
  close_until(host(1), math.max(opens(host(1)), now + seconds))
end

return operations[ARGV[1]](unpack(ARGV, 3, 6))
