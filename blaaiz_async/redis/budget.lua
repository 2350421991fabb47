-- One exchange of a process with the budget it shares: it reports what became of its slots and asks for new ones.
--
-- A window is a sorted set: one member for each slot held, scored by when it comes back. All times are milliseconds on
-- Redis's own clock, so the clocks of the processes don't matter: they only send ages. A slot of a call in flight is a
-- lease, which a living process renews; a killed one's comes back a window and a grace later.
--
-- KEYS  minute, hour, processes, waiting, state
-- ARGV  JSON, see RedisRateBudget._ask; and one argument more if Redis didn't know this script
-- Returns numbers only: {moment of this exchange, interactive granted, bulk granted, ms until the next may come for
--   interactive, for bulk, minute limit, minute used, hour limit, hour used, processes, ms of pause left, ms of settling
--   left}; 0 for the moment asks the process to send all it holds.

local ask = cjson.decode(ARGV[1])
local processes, waiting, state = KEYS[3], KEYS[4], KEYS[5]
local clock = redis.call('TIME')
local moment = clock[1] * 1000000 + clock[2]
local now = moment / 1000
local NEVER = 1e15
local LATE = 1 -- as window._LATE

local known = redis.call('HMGET', state, 'held', 'limit', 'foreign', 'foreign_until', 'paused_until', 'heard', 'probe',
  'settled_at', 'person_until', 'minute_paid_until', 'minute_held_up', 'hour_paid_until', 'hour_held_up')

-- A process that comes back was paced by itself, and so perhaps were others: until all are here, everyone keeps to a share.
local settled_at = tonumber(known[8]) or 0
local function settle()
  if settled_at < now then
    settled_at = now + ask.settle
    redis.call('HSET', state, 'settled_at', settled_at)
  end
end

-- Redis's memory may be gone, in whole or in part: then nobody counts as known, and all tell again what they hold. Or it
-- may be an older one, from a snapshot or a replica that lagged: then whoever was heard since finds that it isn't known,
-- and until then nobody knows what it lacks. No snapshot has the scripts, so whoever asks first has to send this one.
local held = redis.call('ZCARD', KEYS[1]) .. ':' .. redis.call('ZCARD', KEYS[2])
if held ~= (known[1] or ask.seen == 0 and '0:0') then
  redis.call('DEL', processes)
  redis.call('HSET', state, 'held', held)
  settle()
end
if ARGV[2] and redis.call('ZCARD', processes) > 0 then
  settle()
end
if (tonumber(redis.call('ZSCORE', processes, ask.process) or 0)) < ask.seen then
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
end
if ask.settles then
  settle()
end

local windows = {
  {name = 'minute', key = KEYS[1], length = ask.minute, limit = tonumber(known[2]) or ask.per_minute, foreign = 0,
    paid_until = tonumber(known[10]) or 0, held_up = known[11] == '1'},
  {name = 'hour', key = KEYS[2], length = ask.hour, limit = ask.per_hour, foreign = 0,
    paid_until = tonumber(known[12]) or 0, held_up = known[13] == '1'},
}
local minute = windows[1]

-- What became of the slots held before.
local function put(window, ids, scores)
  for first = 1, #ids, 1000 do
    local members = {}
    for place = first, math.min(first + 999, #ids) do
      members[#members + 1] = scores(place)
      members[#members + 1] = ask.process .. ':' .. ids[place]
    end
    redis.call('ZADD', window.key, unpack(members))
  end
end

for _, window in ipairs(windows) do
  put(window, ask.answered, function(place) return now - ask.ages[place] + window.length end)
  put(window, ask.in_flight, function() return now + window.length + ask.grace end)
  for _, id in ipairs(ask.freed) do
    redis.call('ZREM', window.key, ask.process .. ':' .. id)
  end
  -- What came back not long ago the platform may still have counted when it gave an answer that is told only now.
  redis.call('ZREMRANGEBYSCORE', window.key, '-inf', now - window.length / 10)
  window.gone = redis.call('ZCOUNT', window.key, '-inf', now)
  window.ours = redis.call('ZCARD', window.key) - window.gone
end

-- What the answers told.
local foreign, foreign_until = tonumber(known[3]) or 0, tonumber(known[4]) or 0
if ask.told then
  minute.limit = ask.told.limit
  local counted = redis.call('ZCOUNT', minute.key, '(' .. (now - ask.told.slack), '+inf')
  foreign = math.max(0, ask.told.limit - ask.told.remaining - counted)
  foreign_until = now + ask.told.reset_in
  redis.call('HSET', state, 'limit', minute.limit, 'foreign', foreign, 'foreign_until', foreign_until)
end
if foreign_until > now then
  minute.foreign, minute.foreign_until = foreign, foreign_until
end
local heard = known[6] or #ask.answered > 0
if heard and not known[6] then
  redis.call('HSET', state, 'heard', 1)
end
local paused_until = tonumber(known[5]) or 0
if now + ask.pause > paused_until and ask.pause > 0 then
  paused_until = now + ask.pause
  redis.call('HSET', state, 'paused_until', paused_until)
end

-- Who is there.
if ask.leaves then
  redis.call('ZREM', processes, ask.process)
else
  redis.call('ZADD', processes, string.format('%.0f', moment), ask.process)
end
redis.call('ZREMRANGEBYSCORE', processes, '-inf', moment - (ask.hour + ask.grace) * 1000)
local present = redis.call('ZCOUNT', processes, moment - (ask.minute + ask.grace) * 1000, '+inf')

local function free(window)
  return window.limit - window.ours - window.foreign
end

local function score_at(window, place)
  local found = redis.call('ZRANGE', window.key, window.gone + place, window.gone + place, 'WITHSCORES')
  return found[2] and tonumber(found[2])
end

local function next_return(window)
  local soonest = score_at(window, 0) or NEVER
  if window.foreign > 0 then
    soonest = math.min(soonest, window.foreign_until)
  end
  return soonest
end

-- As Window._refilled_in.
local function refilled_in(window, kept)
  local place = math.ceil(kept) - 1
  if place < 0 then
    return 0
  end
  local refilled = place < window.ours and score_at(window, place) or window.foreign > 0 and window.foreign_until
    or now + window.length
  return math.max(0, refilled - now)
end

-- As Window._melting.
local function melting(window)
  local kept = ask.reserve * window.limit
  local refilled, evenly = refilled_in(window, kept), kept * window.length / window.limit
  return kept * math.max(2 * (refilled - evenly / 2), refilled) / window.length
end

-- How many slots bulk must leave: as Window.reserved.
local function reserved(window)
  local kept = ask.reserve * window.limit
  local melted = math.min(kept, melting(window))
  if next_return(window) - now > window.length / window.limit then
    return math.max(melted, math.min(1, kept))
  end
  return melted
end

-- While people call, bulk keeps to the limit's own pace: as window.Pace.
local person_until = tonumber(known[9]) or 0
if ask.interactive > 0 then
  person_until = now + ask.hour
  redis.call('HSET', state, 'person_until', person_until)
end

local function paid_until(window)
  local earliest = now - (window.held_up and LATE * window.length / window.limit or window.length)
  return math.max(window.paid_until, earliest)
end

local function in_pace(window)
  if person_until <= now then
    return NEVER
  elseif window.paid_until > now then
    return 0
  end
  return math.floor((now - paid_until(window)) / (window.length / window.limit)) + 1
end

-- Interactive calls first, then bulk, across all processes.
local want_interactive, want_bulk, held_up = ask.interactive, ask.bulk, math.max(paused_until, settled_at)
local got_interactive, got_bulk, wait_interactive, wait_bulk = 0, 0, 0, 0
if held_up > now then
  want_interactive, want_bulk = 0, 0
  wait_interactive, wait_bulk = held_up - now, held_up - now
end

if want_interactive > 0 then
  got_interactive = math.max(0, math.min(want_interactive, free(windows[1]), free(windows[2])))
  for _, window in ipairs(windows) do
    window.ours = window.ours + got_interactive
  end
end
for _, window in ipairs(windows) do
  if free(window) < 1 then
    wait_interactive = math.max(wait_interactive, next_return(window) - now)
  end
end
if want_interactive > got_interactive then
  redis.call('ZADD', waiting, now + 700, ask.process)
else
  redis.call('ZREM', waiting, ask.process)
end

if want_bulk > 0 then
  redis.call('ZREMRANGEBYSCORE', waiting, '-inf', now)
  if redis.call('ZCARD', waiting) > 0 then
    want_bulk, wait_bulk = 0, math.max(wait_interactive, 1)
  elseif not heard then
    -- Nobody has told yet what an earlier run has used up: let the first answer say so.
    local probe = #ask.freed == 0 and tonumber(known[7]) or 0 -- what was freed may be the one that was to tell
    want_bulk = probe > now and 0 or 1
    wait_bulk = math.max(0, math.min(probe - now, 50))
  end
end
if want_bulk > 0 then
  got_bulk = want_bulk
  for _, window in ipairs(windows) do
    got_bulk = math.min(got_bulk, math.floor(free(window) - reserved(window)), in_pace(window))
  end
  got_bulk = math.max(0, got_bulk)
  if got_bulk > 0 and not heard then
    redis.call('HSET', state, 'probe', now + ask.grace)
  end
  for _, window in ipairs(windows) do
    if got_bulk > 0 then
      window.paid_until = paid_until(window) + got_bulk * window.length / window.limit
      window.held_up = false
    end
    window.ours = window.ours + got_bulk
    local left, kept = free(window), ask.reserve * window.limit
    local last, lacks = next_return(window) - now, 0
    if left < 1 then
      lacks = last
    elseif left - 1 < reserved(window) then
      local spare = (left - 1) * window.length / kept
      lacks = refilled_in(window, kept) - math.min((spare + ask.reserve * window.length) / 2, spare)
      if left < 2 then
        lacks = math.max(lacks, last - window.length / window.limit)
      end
      lacks = math.max(math.min(lacks, last), 1)
    end
    wait_bulk = math.max(wait_bulk, lacks)
    if person_until > now then
      wait_bulk = math.max(wait_bulk, window.paid_until - now)
    end
    window.held_up = window.held_up or lacks > 0 and got_bulk < want_bulk
    redis.call('HSET', state, window.name .. '_paid_until', window.paid_until,
      window.name .. '_held_up', window.held_up and 1 or 0)
  end
end

local granted = got_interactive + got_bulk
if granted > 0 then
  local ids = {}
  for place = 1, granted do
    ids[place] = string.format('%.0f', ask.next + place - 1)
  end
  for _, window in ipairs(windows) do
    put(window, ids, function() return now + window.length + ask.grace end)
  end
end

redis.call('HSET', state, 'held', redis.call('ZCARD', KEYS[1]) .. ':' .. redis.call('ZCARD', KEYS[2]))
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, math.ceil(ask.hour + ask.grace))
end

local function whole(ms)
  return math.ceil(math.min(math.max(0, ms), NEVER))
end

return {moment, got_interactive, got_bulk, whole(wait_interactive), whole(wait_bulk), minute.limit,
  minute.ours + minute.foreign, windows[2].limit, windows[2].ours, present,
  whole(paused_until - now), whole(settled_at - now)}
