"""Stop words: what says nothing about a ticket's subject, and is never counted as a keyword.

Function words of the languages that tickets are written in, as runs of at least three letters (so
"don't" leaves "don"), and the phrases of letters.  Sums that are kept hold none of them: where a
list gets shorter, the roll-ups must be rebuilt (`deskstream rebuild tickets`).
"""

from typing import Final

_ENGLISH: Final = """
about above across after again against ain all almost alone along already also although always among
and another any anybody anyone anything are aren around because been before behind being below
between both but can cannot cant could couldn did didn does doesn doing don done down during each
either else enough even ever every everyone everything few for from further get gets getting give
given goes going got had hadn has hasn have haven having her here hers herself him himself his how
however into isn its itself just keep keeps know least less let like made make makes many may maybe
might mine more most mostly much must mustn myself need needs neither never next nobody nor not
nothing now off often once one only onto other others our ours ourselves out over own per perhaps
put quite rather really said same say says see seem seems seen several shall she should shouldn
since some somebody someone something sometimes soon still such sure take than that the their theirs
them themselves then there these they thing things this those though through thus till together too
toward towards two under until upon use used using very via want wants was wasn way well went were
weren what whatever when where whether which while who whole whom whose why will with within without
won would wouldn yes yet you your yours yourself yourselves
"""

_GERMAN: Final = """
aber alle allem allen aller alles als also andere anderen anderer anderes auch auf aus bei beim bin
bis bist bitte da dabei dadurch dafür dagegen daher damit danach dann daran darauf daraus darf darin
darum das dass davon davor dazu dein deine dem den denn der deren des deshalb dessen die dies diese
diesem diesen dieser dieses doch dort durch eben ein eine einem einen einer eines einfach einige
einmal ersten etwa etwas euch euer eure für ganz gar geben gegen gehabt geht gerade gern getan gibt
habe haben hat hatte hatten hätte hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer immer
indem ins ist jede jedem jeden jeder jedes jemand jetzt kann kannst kein keine keinem keinen keiner
können könnte könnten mal man manche mehr mein meine meinem meinen meiner mich mir mit muss müssen
musste nach nachdem neben nein nicht nichts noch nun nur oben oder ohne schon sehr sein seine seinem
seinen seiner seit sich sie sind sobald sodass soll sollen sollte sollten sondern sonst soweit über
uns unser unsere unserem unseren unserer unter vom von vor wann war waren warum was wegen weil
weiter welche welchem welchen welcher welches wem wen wenn wer werde werden werdet weshalb wie
wieder will wir wird wirklich wirst wo wollen wollte worden wurde wurden während wäre würde würden
zum zur zwar zwischen
"""

_FRENCH: Final = """
afin ainsi alors après assez aucun aucune aujourd auprès aussi autre autres aux avait avant avec
avez avoir avons ayant beaucoup bien car ceci cela celle celles celui cent cependant certains ces
cet cette ceux chaque chez comme comment contre dans davantage delà depuis des dès donc dont
elle elles encore enfin entre environ est été étaient était étant être eux fait faire faites fois
font hors hui ici ils jamais jusqu jusque juste les leur leurs lors lorsque lui mais même mêmes mes
moi moins mon non nos notre nous ont par parce parfois pas pendant peu peut peuvent peux plus
plusieurs plutôt pour pourquoi pourrait pourtant pouvez puis puisque quand que quel quelle quelles
quelque quelques quels qui quoi rien sans sauf selon sera serait ses seulement sien soit sommes son
sont sous suis suite sur tandis tant tel telle tellement telles tels toi ton toujours tous tout
toute toutefois toutes très trop une unes vais vers veut veux voici voilà vont vos votre vous
"""

_SPANISH: Final = """
ahora algo alguien algún alguna algunas alguno algunos allí ante antes aquel aquella aquello aquí
así aún aunque bajo bastante bien cada casi como cómo con contra cual cuál cuales cualquier cuando
cuándo cuanto cuánto cuyo dado debe deben debido decir del desde después donde dónde dos durante
ella ellas ello ellos embargo entonces entre era eran eres esa esas ese eso esos esta está ésta
estaba estado están estar estas este éste esto estos estoy estuvo fue fueron fui había habían haber
hace hacer hacia han has hasta hay haya hecho hemos incluso las les los luego más mediante mejor
menos mientras mis misma mismo mismos mucha muchas mucho muchos muy nada nadie ningún ninguna
ninguno nos nosotras nosotros nuestra nuestro nuestros nunca otra otras otro otros para pero poco
pocos poder podría porque por pues puede pueden puedo que qué quien quién quienes quiero sea según
ser sería será siempre sido sin sino sobre solamente solo sólo somos son soy sus suya suyo tal
también tampoco tan tanta tanto tantos tener tengo tenemos teníamos tiene tienen toda todas todavía
todo todos tras tres una unas uno unos usted ustedes varias varios vez veces vosotros vuestra
vuestro
"""

_LETTERS: Final = """
atentamente bonjour bonsoir buenas buenos cordialement cordiales danke dear días estimado estimados
favor freundliche freundlichen friendly geehrte geehrten gracias greetings gruß grüße grüßen guten
hallo hello hey hola kind merci morning plaît please regards saludo saludos salutations sehr
sincerely tag tardes team thank thanks thx vielen
"""

STOP_WORDS: Final = frozenset(
    word for words in (_ENGLISH, _GERMAN, _FRENCH, _SPANISH, _LETTERS) for word in words.split()
)
