"""The words by which automatic replies say for how long somebody is away, that they left, and where they are now.

Law: tables only, in lower case; `away` reads them. Twelve languages; a language is added here and in a test.
"""

from __future__ import annotations

_MONTHS = (
    "january januar jänner janvier enero gennaio janeiro januari tammikuuta stycznia ledna января ocak jan janv ene gen"
    " sty янв",
    "february februar février fevrier febrero febbraio fevereiro februari helmikuuta lutego února февраля şubat"
    " feb févr"
    " fev lut",
    "march märz maerz mars marzo março marco maart marts maaliskuuta marca března марта mart mar mär mrz mrt",
    "april avril abril aprile huhtikuuta kwietnia dubna апреля nisan apr avr abr kwi",
    "may mai mayo maggio maio mei maj toukokuuta maja května мая mayıs mag",
    "june juni juin junio giugno junho kesäkuuta czerwca června июня haziran jun giu cze",
    "july juli juillet julio luglio julho heinäkuuta lipca července июля temmuz jul juil lug lip",
    "august août aout agosto augustus augusti elokuuta sierpnia srpna августа ağustos aug aoû ago sie",
    "september septembre septiembre setiembre settembre setembro syyskuuta września září сентября eylül sep"
    " sept set wrz",
    "october oktober octobre octubre ottobre outubro lokakuuta października října октября ekim oct okt ott out paź",
    "november novembre noviembre novembro marraskuuta listopada listopadu ноября kasım nov lis",
    "december dezember décembre decembre diciembre dicembre dezembro joulukuuta grudnia prosince декабря aralık"
    " desember"
    " dec dez déc dic des gru",
)
MONTHS = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}

_DAYS = (
    "monday montag lundi lunes lunedì segunda-feira maandag måndag mandag maanantaina poniedziałek понедельник",
    "tuesday dienstag mardi martes martedì terça-feira dinsdag tisdag tirsdag tiistaina wtorek вторник",
    "wednesday mittwoch mercredi miércoles mercoledì quarta-feira woensdag onsdag keskiviikkona środę среду",
    "thursday donnerstag jeudi jueves giovedì quinta-feira donderdag torsdag torstaina czwartek четверг",
    "friday freitag vendredi viernes venerdì sexta-feira vrijdag fredag perjantaina piątek пятницу",
    "saturday samstag samedi sábado sabato zaterdag lördag lørdag lauantaina sobotę субботу",
    "sunday sonntag dimanche domingo domenica zondag söndag søndag sunnuntaina niedzielę воскресенье",
)
DAYS = {word: number for number, words in enumerate(_DAYS) for word in words.split()}

BACK = (
    r"back(?! to you)|return\w*|available again|resume|reachable again|as of|"
    r"zurück|wieder|ab dem|ab|de retour|rentre\w*|reviens|reprise|à partir du|dès le|de vuelta|vuelvo|regreso"
    r"|regresar\w*"
    r"|a partir del?|rientr\w*|tornerò|torno|sarò di nuovo|dal|terug|vanaf|volto|regress\w*|de volta|a partir de"
    r"|tillbaka|åter|tilbage|tilbake|palaan|takaisin|alkaen|wracam|wrócę|będę z powrotem|od|zpět|vrátím|вернусь|буду на"
    r" месте|döneceğim"
)
"""The date behind it is the first day at the desk again."""
UNTIL = (
    r"until|till?|through|thru|up to|to|bis(?: (?:zum|einschlie(?:ß|ss)lich))*|jusqu'au|jusqu’au|jusqu'à|au"
    r"|hasta el|hasta"
    r"|al|fino al|sino al|tot(?: en met)?|t/m|até|t\.?o\.?m\.?|til(?: og med)?|do|по|до|[-–—]"
)
"""The date behind it is the last day away."""
UNTIL_AFTER = r"asti|saakka|tarihine kadar|kadar|まで|일까지|까지"
"""The date before it is the last day away."""

GONE = (
    r"no longer (?:works?|working|employed|with|at|part of)|(?:has|have) left (?:the )?(?:company|firm|us"
    r"|organi[sz]ation)"
    r"|left the (?:company|firm|organi[sz]ation)|not (?:work|employed) (?:here|there) any ?more"
    r"|is not with us any ?more"
    r"|nicht mehr (?:bei uns|im unternehmen|für (?:uns|die)|in unserem|bei der|tätig|beschäftigt)|(?:unternehmen|firma)"
    r" verlassen|arbeitet nicht mehr|ne (?:travaille|fait) plus|a quitté (?:la société|l'entreprise|notre)|ne fais plus"
    r" partie|ya no (?:trabaja|trabajo|forma parte)|ha dejado la empresa|non lavor[ao] più|ha lasciato l'azienda"
    r"|non fa più parte|werkt niet (?:meer|langer)|niet meer werkzaam|não trabalh[ao] mais|já não trabalh"
    r"|deixou a empresa"
    r"|arbetar inte längre|har slutat|arbejder ikke længere|er fratrådt|jobber ikke lenger|har sluttet"
    r"|ei ole enää|ei enää työskentele|nie pracuj[eę] już|już nie pracuj|nepracuj[ei] u|больше не работа"
)
DEAD = (
    r"(?:address|mailbox|account|inbox) (?:is |will be |has been )?(?:no longer|not) (?:in use|used|active"
    r"|monitored|valid)"
    r"|adresse (?:wird|ist) nicht mehr|n'est plus (?:utilisée|valide|active|consultée)|ya no (?:está"
    r"|es) (?:en uso|válid)"
    r"|non è più (?:attiv|in uso|valid)|niet meer (?:in gebruik|actief|geldig)|não está mais|används inte längre"
)
_MAIL = r"(?:e-?mail(?:[- ]?(?:address|adresse|adres|adress|cím))?|mail[- ]?adress\w*|adress?e?|address)"
MOVED = (
    rf"(?:new|neue[rns]?|nouvelle|nieuwe?|nye?|nya|uusi) {_MAIL}|nouvelle adresse(?: e-?mail| mail)?"
    r"|nueva (?:dirección|cuenta)(?: de (?:correo|e-?mail))?|nuovo indirizzo(?: e-?mail| di posta)?"
    r"|novo (?:endereço|e-?mail)(?: de e-?mail)?|now(?:y|ym) adres(?:em)?(?: e-?mail)?|nov[áou] (?:adresa|e-?mail)"
    r"|новый адрес|(?:address|e-?mail) (?:has )?changed to|from now on (?:at|use|write)|ab sofort (?:unter|an)"
    r"|(?:i am|i'm|ich bin) (?:now )?(?:at|reachable at|jetzt unter|ab jetzt unter)"
)
AWAY = (
    r"out of (?:the )?office|away|vacation|holiday|on leave|absent|abwesen|nicht im (?:büro|haus)|urlaub"
    r"|congés?|ausente"
    r"|vacaciones|ferie|assente|afwezig|vakantie|férias|semester|frånvaro|ferie|fravær|lomalla|urlop|nieobecn|dovolen"
    r"|отпуск|tatil|不在|休暇|휴가"
)
