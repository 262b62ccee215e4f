-- What the pages of STORES shops send, as fast as it is answered, until REQUESTS were sent: mostly the
-- script, mostly unchanged. A few shops have most of the visitors, and each most of them from one place.
local n, seed, banner = 0, tonumber(os.getenv("SEED")), os.getenv("BANNER")
local stores, most = tonumber(os.getenv("STORES")), tonumber(os.getenv("REQUESTS"))
local homes = {
  { "DE", "de" }, { "FR", "fr" }, { "GB", "en" }, { "US", "en" }, { "IT", "it" }, { "ES", "es" },
  { "BR", "pt" }, { "JP", "ja" }, { "PL", "pl" }, { "NL", "en" },
}
local last = {}
local told = io.open(os.getenv("TOLD"), "w")
math.randomseed(seed)

local function id(mark)
  return string.format("%08x-%04x-4000-%s-%012x", seed % 4294967296, n % 65536, mark, n)
end

local function headers(home, unchanged)
  local said = {
    ["Content-Type"] = "text/plain",
    ["Origin"] = "https://summit.example",
    ["CF-IPCountry"] = home[1],
    ["Accept-Encoding"] = math.random(20) == 1 and "gzip" or "gzip, deflate, br, zstd",
    ["Accept-Language"] = home[2] .. ",en;q=0.5",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)",
  }
  if home[1] == "US" then said["CF-Region-Code"] = math.random(3) == 1 and "CA" or "TX" end
  if math.random(50) == 1 then said["Sec-GPC"] = "1" end
  if unchanged then said["If-None-Match"] = "*" end
  return said
end

function request()
  n = n + 1
  if n % math.floor(most / 10) == 0 then
    told:write(n, "\n")
    told:flush()
  end
  if n >= most then wrk.thread:stop() end
  local store = math.floor(stores * math.random() ^ 3) + 1
  local home = homes[(store + (math.random(8) == 1 and math.random(2) or 0)) % #homes + 1]
  local kind, path = math.random(1000), "/s/shop-" .. store
  if kind <= 640 then
    return wrk.format("GET", path .. "/loader.js?" .. home[2] .. ",true", headers(home, true))
  elseif kind <= 760 then
    return wrk.format("GET", path .. "/loader.js?" .. home[2] .. ",true", headers(home))
  elseif kind <= 870 then
    return wrk.format("GET", path .. "/loader.js?" .. home[2] .. ",false", headers(home))
  elseif kind <= 960 then
    local seen = '{"version":1,"entry":true,"language":"' .. (home[2] == "pt" and "pt-BR" or home[2]) .. '"}'
    return wrk.format("POST", path .. "/seen", headers(home), seen)
  elseif kind <= 990 then
    last[n % 64] = path .. "/receipts/" .. id("8000")
    local post = '{"id":"' .. id("8000") .. '","visitor":"' .. id("9000") .. '","version":1,'
      .. '"action":"reject_all",'
      .. '"grants":{"preferences":false,"analytics":false,"marketing":false},"language":"en",'
      .. '"banner":"' .. banner .. '","gpc":false}'
    return wrk.format("POST", path .. "/decisions", headers(home), post)
  elseif kind <= 996 then
    return wrk.format("GET", path .. "/preferences.js?" .. home[2] .. ",1", headers(home))
  elseif kind <= 998 then
    return wrk.format("GET", last[math.random(64) - 1] or "/log/checkpoint", headers(home))
  end
  return wrk.format("GET", "/log/checkpoint", headers(home))
end
