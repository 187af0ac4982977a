"""Countries, their time zones and languages, by the names that people write in English, German, French and Spanish.

Law: a name that is not known is None, never a guess. Codes and zones are those of the IANA time zone database 2025
(`iso3166.tab`, `zone.tab`); a country stands in ZONES where it has one zone, or one that nearly everybody there uses.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ZONES = """
AD Europe/Andorra; AE Asia/Dubai; AF Asia/Kabul; AG America/Antigua; AI America/Anguilla; AL Europe/Tirane; AM
Asia/Yerevan; AO Africa/Luanda; AR America/Argentina/Buenos_Aires; AS Pacific/Pago_Pago; AT Europe/Vienna; AW
America/Aruba; AX Europe/Mariehamn; AZ Asia/Baku; BA Europe/Sarajevo; BB America/Barbados; BD Asia/Dhaka; BE
Europe/Brussels; BF Africa/Ouagadougou; BG Europe/Sofia; BH Asia/Bahrain; BI Africa/Bujumbura; BJ Africa/Porto-Novo;
BL America/St_Barthelemy; BM Atlantic/Bermuda; BN Asia/Brunei; BO America/La_Paz; BQ America/Kralendijk; BS
America/Nassau; BT Asia/Thimphu; BW Africa/Gaborone; BY Europe/Minsk; BZ America/Belize; CC Indian/Cocos; CF
Africa/Bangui; CG Africa/Brazzaville; CH Europe/Zurich; CI Africa/Abidjan; CK Pacific/Rarotonga; CL
America/Santiago; CM Africa/Douala; CN Asia/Shanghai; CO America/Bogota; CR America/Costa_Rica; CU America/Havana;
CV Atlantic/Cape_Verde; CW America/Curacao; CX Indian/Christmas; CY Asia/Nicosia; CZ Europe/Prague; DE
Europe/Berlin; DJ Africa/Djibouti; DK Europe/Copenhagen; DM America/Dominica; DO America/Santo_Domingo; DZ
Africa/Algiers; EC America/Guayaquil; EE Europe/Tallinn; EG Africa/Cairo; EH Africa/El_Aaiun; ER Africa/Asmara; ES
Europe/Madrid; ET Africa/Addis_Ababa; FI Europe/Helsinki; FJ Pacific/Fiji; FK Atlantic/Stanley; FO Atlantic/Faroe;
FR Europe/Paris; GA Africa/Libreville; GB Europe/London; GD America/Grenada; GE Asia/Tbilisi; GF America/Cayenne; GG
Europe/Guernsey; GH Africa/Accra; GI Europe/Gibraltar; GM Africa/Banjul; GN Africa/Conakry; GP America/Guadeloupe;
GQ Africa/Malabo; GR Europe/Athens; GS Atlantic/South_Georgia; GT America/Guatemala; GU Pacific/Guam; GW
Africa/Bissau; GY America/Guyana; HK Asia/Hong_Kong; HN America/Tegucigalpa; HR Europe/Zagreb; HT
America/Port-au-Prince; HU Europe/Budapest; IE Europe/Dublin; IL Asia/Jerusalem; IM Europe/Isle_of_Man; IN
Asia/Kolkata; IO Indian/Chagos; IQ Asia/Baghdad; IR Asia/Tehran; IS Atlantic/Reykjavik; IT Europe/Rome; JE
Europe/Jersey; JM America/Jamaica; JO Asia/Amman; JP Asia/Tokyo; KE Africa/Nairobi; KG Asia/Bishkek; KH
Asia/Phnom_Penh; KM Indian/Comoro; KN America/St_Kitts; KP Asia/Pyongyang; KR Asia/Seoul; KW Asia/Kuwait; KY
America/Cayman; KZ Asia/Almaty; LA Asia/Vientiane; LB Asia/Beirut; LC America/St_Lucia; LI Europe/Vaduz; LK
Asia/Colombo; LR Africa/Monrovia; LS Africa/Maseru; LT Europe/Vilnius; LU Europe/Luxembourg; LV Europe/Riga; LY
Africa/Tripoli; MA Africa/Casablanca; MC Europe/Monaco; MD Europe/Chisinau; ME Europe/Podgorica; MF America/Marigot;
MG Indian/Antananarivo; MH Pacific/Majuro; MK Europe/Skopje; ML Africa/Bamako; MM Asia/Yangon; MO Asia/Macau; MP
Pacific/Saipan; MQ America/Martinique; MR Africa/Nouakchott; MS America/Montserrat; MT Europe/Malta; MU
Indian/Mauritius; MV Indian/Maldives; MW Africa/Blantyre; MY Asia/Kuala_Lumpur; MZ Africa/Maputo; NA
Africa/Windhoek; NC Pacific/Noumea; NE Africa/Niamey; NF Pacific/Norfolk; NG Africa/Lagos; NI America/Managua; NL
Europe/Amsterdam; NO Europe/Oslo; NP Asia/Kathmandu; NR Pacific/Nauru; NU Pacific/Niue; NZ Pacific/Auckland; OM
Asia/Muscat; PA America/Panama; PE America/Lima; PF Pacific/Tahiti; PG Pacific/Port_Moresby; PH Asia/Manila; PK
Asia/Karachi; PL Europe/Warsaw; PM America/Miquelon; PN Pacific/Pitcairn; PR America/Puerto_Rico; PT Europe/Lisbon;
PW Pacific/Palau; PY America/Asuncion; QA Asia/Qatar; RE Indian/Reunion; RO Europe/Bucharest; RS Europe/Belgrade; RW
Africa/Kigali; SA Asia/Riyadh; SB Pacific/Guadalcanal; SC Indian/Mahe; SD Africa/Khartoum; SE Europe/Stockholm; SG
Asia/Singapore; SH Atlantic/St_Helena; SI Europe/Ljubljana; SJ Arctic/Longyearbyen; SK Europe/Bratislava; SL
Africa/Freetown; SM Europe/San_Marino; SN Africa/Dakar; SO Africa/Mogadishu; SR America/Paramaribo; SS Africa/Juba;
ST Africa/Sao_Tome; SV America/El_Salvador; SX America/Lower_Princes; SY Asia/Damascus; SZ Africa/Mbabane; TC
America/Grand_Turk; TD Africa/Ndjamena; TF Indian/Kerguelen; TG Africa/Lome; TH Asia/Bangkok; TJ Asia/Dushanbe; TK
Pacific/Fakaofo; TL Asia/Dili; TM Asia/Ashgabat; TN Africa/Tunis; TO Pacific/Tongatapu; TR Europe/Istanbul; TT
America/Port_of_Spain; TV Pacific/Funafuti; TW Asia/Taipei; TZ Africa/Dar_es_Salaam; UA Europe/Kyiv; UG
Africa/Kampala; UY America/Montevideo; UZ Asia/Tashkent; VA Europe/Vatican; VC America/St_Vincent; VE
America/Caracas; VG America/Tortola; VI America/St_Thomas; VN Asia/Ho_Chi_Minh; VU Pacific/Efate; WF Pacific/Wallis;
WS Pacific/Apia; YE Asia/Aden; YT Indian/Mayotte; ZA Africa/Johannesburg; ZM Africa/Lusaka; ZW Africa/Harare
"""

_COUNTRIES = """
AD Andorra; AE United Arab Emirates; AF Afghanistan; AG Antigua & Barbuda; AI Anguilla; AL Albania; AM Armenia; AO
Angola; AQ Antarctica; AR Argentina; AS Samoa (American); AT Austria; AU Australia; AW Aruba; AX Åland Islands; AZ
Azerbaijan; BA Bosnia & Herzegovina; BB Barbados; BD Bangladesh; BE Belgium; BF Burkina Faso; BG Bulgaria; BH
Bahrain; BI Burundi; BJ Benin; BL St Barthelemy; BM Bermuda; BN Brunei; BO Bolivia; BQ Caribbean NL; BR Brazil; BS
Bahamas; BT Bhutan; BV Bouvet Island; BW Botswana; BY Belarus; BZ Belize; CA Canada; CC Cocos (Keeling) Islands; CD
Congo (Dem. Rep.); CF Central African Rep.; CG Congo (Rep.); CH Switzerland; CI Côte d’Ivoire; CK Cook Islands; CL
Chile; CM Cameroon; CN China; CO Colombia; CR Costa Rica; CU Cuba; CV Cape Verde; CW Curaçao; CX Christmas Island;
CY Cyprus; CZ Czech Republic; DE Germany; DJ Djibouti; DK Denmark; DM Dominica; DO Dominican Republic; DZ Algeria;
EC Ecuador; EE Estonia; EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET Ethiopia; FI Finland; FJ Fiji; FK
Falkland Islands; FM Micronesia; FO Faroe Islands; FR France; GA Gabon; GB Britain (UK); GD Grenada; GE Georgia; GF
French Guiana; GG Guernsey; GH Ghana; GI Gibraltar; GL Greenland; GM Gambia; GN Guinea; GP Guadeloupe; GQ Equatorial
Guinea; GR Greece; GS South Georgia & the South Sandwich Islands; GT Guatemala; GU Guam; GW Guinea-Bissau; GY
Guyana; HK Hong Kong; HM Heard Island & McDonald Islands; HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID
Indonesia; IE Ireland; IL Israel; IM Isle of Man; IN India; IO British Indian Ocean Territory; IQ Iraq; IR Iran; IS
Iceland; IT Italy; JE Jersey; JM Jamaica; JO Jordan; JP Japan; KE Kenya; KG Kyrgyzstan; KH Cambodia; KI Kiribati; KM
Comoros; KN St Kitts & Nevis; KP Korea (North); KR Korea (South); KW Kuwait; KY Cayman Islands; KZ Kazakhstan; LA
Laos; LB Lebanon; LC St Lucia; LI Liechtenstein; LK Sri Lanka; LR Liberia; LS Lesotho; LT Lithuania; LU Luxembourg;
LV Latvia; LY Libya; MA Morocco; MC Monaco; MD Moldova; ME Montenegro; MF St Martin (French); MG Madagascar; MH
Marshall Islands; MK North Macedonia; ML Mali; MM Myanmar (Burma); MN Mongolia; MO Macau; MP Northern Mariana
Islands; MQ Martinique; MR Mauritania; MS Montserrat; MT Malta; MU Mauritius; MV Maldives; MW Malawi; MX Mexico; MY
Malaysia; MZ Mozambique; NA Namibia; NC New Caledonia; NE Niger; NF Norfolk Island; NG Nigeria; NI Nicaragua; NL
Netherlands; NO Norway; NP Nepal; NR Nauru; NU Niue; NZ New Zealand; OM Oman; PA Panama; PE Peru; PF French
Polynesia; PG Papua New Guinea; PH Philippines; PK Pakistan; PL Poland; PM St Pierre & Miquelon; PN Pitcairn; PR
Puerto Rico; PS Palestine; PT Portugal; PW Palau; PY Paraguay; QA Qatar; RE Réunion; RO Romania; RS Serbia; RU
Russia; RW Rwanda; SA Saudi Arabia; SB Solomon Islands; SC Seychelles; SD Sudan; SE Sweden; SG Singapore; SH St
Helena; SI Slovenia; SJ Svalbard & Jan Mayen; SK Slovakia; SL Sierra Leone; SM San Marino; SN Senegal; SO Somalia;
SR Suriname; SS South Sudan; ST Sao Tome & Principe; SV El Salvador; SX St Maarten (Dutch); SY Syria; SZ Eswatini
(Swaziland); TC Turks & Caicos Is; TD Chad; TF French S. Terr.; TG Togo; TH Thailand; TJ Tajikistan; TK Tokelau; TL
East Timor; TM Turkmenistan; TN Tunisia; TO Tonga; TR Turkey; TT Trinidad & Tobago; TV Tuvalu; TW Taiwan; TZ
Tanzania; UA Ukraine; UG Uganda; UM US minor outlying islands; US United States; UY Uruguay; UZ Uzbekistan; VA
Vatican City; VC St Vincent; VE Venezuela; VG Virgin Islands (UK); VI Virgin Islands (US); VN Vietnam; VU Vanuatu;
WF Wallis & Futuna; WS Samoa (western); YE Yemen; YT Mayotte; ZA South Africa; ZM Zambia; ZW Zimbabwe
"""

_ALSO = """
AR Argentinien, Argentine; AT Austria, Österreich, Autriche; AU Australien, Australie; BE Belgien, Belgique,
Bélgica, België; BG Bulgarien, Bulgarie; BR Brasilien, Brésil, Brasil; CA Kanada, Canadá; CH Schweiz, Suisse, Suiza,
Svizzera; CL Chili; CN Chine, Volksrepublik China; CO Kolumbien, Colombie; CY Zypern, Chypre, Chipre; CZ Czechia,
Tschechien, Tschechische Republik, République tchèque, Tchéquie, Chequia, República Checa; DE Deutschland,
Allemagne, Alemania, BRD; DK Dänemark, Danemark, Dinamarca, Danmark; EE Estland, Estonie; EG Ägypten, Égypte,
Egipto; ES Spanien, Espagne, España; FI Finnland, Finlande, Finlandia, Suomi; FR Frankreich, Francia; GB Great
Britain, United Kingdom, UK, England, Scotland, Wales, Großbritannien, Vereinigtes Königreich, Royaume-Uni,
Grande-Bretagne, Angleterre, Reino Unido, Gran Bretaña, Inglaterra; GR Griechenland, Grèce, Grecia; HR Kroatien,
Croatie, Croacia; HU Ungarn, Hongrie, Hungría; IE Irland, Irlande, Irlanda; IL Israël; IN Indien, Inde; IS Island,
Islande, Islandia; IT Italien, Italie, Italia; JP Japon, Japón; KR South Korea, Südkorea, Corée du Sud, Corea del
Sur; LI Liechtenstein; LT Litauen, Lituanie, Lituania; LU Luxemburg, Luxembourg, Luxemburgo; LV Lettland, Lettonie,
Letonia; MA Marokko, Maroc, Marruecos; MT Malte; MX Mexiko, Mexique, México; NL Niederlande, Holland, Pays-Bas,
Países Bajos, Holanda, Nederland; NO Norwegen, Norvège, Noruega, Norge; NZ Neuseeland, Nouvelle-Zélande, Nueva
Zelanda; PE Pérou, Perú; PL Polen, Pologne, Polonia, Polska; PT Portugal; RO Rumänien, Roumanie, Rumania, Rumanía;
RS Serbien, Serbie; RU Russland, Russie, Rusia, Russian Federation; SE Schweden, Suède, Suecia, Sverige; SG
Singapur, Singapour; SI Slowenien, Slovénie, Eslovenia; SK Slowakei, Slovaquie, Eslovaquia; TR Türkei, Türkiye,
Turquie, Turquía; UA Ukraine, Ucrania; US USA, United States of America, America, Vereinigte Staaten, États-Unis,
Estados Unidos, EE. UU.; ZA Südafrika, Afrique du Sud, Sudáfrica
"""

_LANGUAGES = """
en English, Englisch, Anglais, Inglés; de German, Deutsch, Allemand, Alemán; fr French, Französisch, Français,
Francés; es Spanish, Spanisch, Espagnol, Español, Castellano; it Italian, Italienisch, Italien, Italiano; nl Dutch,
Niederländisch, Néerlandais, Neerlandés, Nederlands; pt Portuguese, Portugiesisch, Portugais, Portugués, Português;
pl Polish, Polnisch, Polonais, Polaco, Polski; cs Czech, Tschechisch, Tchèque, Checo; da Danish, Dänisch, Danois,
Danés, Dansk; sv Swedish, Schwedisch, Suédois, Sueco, Svenska; no Norwegian, Norwegisch, Norvégien, Noruego, Norsk;
fi Finnish, Finnisch, Finnois, Finés, Suomi; hu Hungarian, Ungarisch, Hongrois, Húngaro; el Greek, Griechisch, Grec,
Griego; ru Russian, Russisch, Russe, Ruso; uk Ukrainian, Ukrainisch, Ukrainien, Ucraniano; tr Turkish, Türkisch,
Turc, Turco, Türkçe; ro Romanian, Rumänisch, Roumain, Rumano; bg Bulgarian, Bulgarisch, Bulgare, Búlgaro; ja
Japanese, Japanisch, Japonais, Japonés; zh Chinese, Chinesisch, Chinois, Chino; ar Arabic, Arabisch, Arabe, Árabe;
he Hebrew, Hebräisch, Hébreu, Hebreo; ko Korean, Koreanisch, Coréen, Coreano
"""


def fold(text: str) -> str:
    """Letters and digits only, small, without accents: E-Mail-Adresse and EMAILADRESSE become the same."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def _table(text: str) -> dict[str, str]:
    """`XX name, name; YY name` as a code by each folded name."""
    found: dict[str, str] = {}
    for entry in text.replace("\n", " ").split(";"):
        code, _, names = entry.strip().partition(" ")
        found.update((fold(name), code) for name in names.split(",") if fold(name))
    return found


ZONES: dict[str, str] = {}
for _entry in _ZONES.replace("\n", " ").split(";"):
    _code, _, _zone = _entry.strip().partition(" ")
    ZONES[_code] = _zone
"""The time zone of each country that has, in practice, one."""

COUNTRY_BY_NAME = _table(_COUNTRIES) | _table(_ALSO)
COUNTRY_CODES = frozenset(COUNTRY_BY_NAME.values())
LANGUAGE_BY_NAME = _table(_LANGUAGES)


@lru_cache(maxsize=4096)
def read_country(text: str) -> str | None:
    """The ISO 3166 code for what somebody wrote: de, Germany, Deutschland, Allemagne, UK."""
    code = text.strip().upper()
    if code in COUNTRY_CODES:
        return code
    return COUNTRY_BY_NAME.get(fold(text))


@lru_cache(maxsize=4096)
def read_language(text: str) -> str | None:
    """The primary language subtag (BCP 47) for what somebody wrote: de, DE_at, pt-BR, Deutsch, French."""
    first = text.strip().replace("_", "-").split("-")[0].split(".")[0].lower()
    if 2 <= len(first) <= 3 and first.isascii() and first.isalpha():
        return first
    return LANGUAGE_BY_NAME.get(fold(text))
